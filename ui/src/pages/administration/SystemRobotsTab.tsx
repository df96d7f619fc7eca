import { Flex, Typography } from "antd";
import { RobotList } from "../../components/robots/RobotList";
import { useText } from "../../i18n/Language";

export function SystemRobotsTab() {
  const text = useText();
  return (
    <Flex vertical gap="small">
      <Typography.Text type="secondary">{text.robots.systemHint}</Typography.Text>
      <RobotList project={null} mayCreate mayDelete />
    </Flex>
  );
}
