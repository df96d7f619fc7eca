import { Alert, Button, Flex, Modal } from "antd";
import type { CreatedRobot } from "../../api/robots";
import { useText } from "../../i18n/Language";
import { CommandLine } from "../CommandLine";

/** Shows the secret of a robot just made, for the only time. */
export function RobotSecret({ robot, onClose }: { robot: CreatedRobot; onClose: () => void }) {
  const text = useText();
  return (
    <Modal
      open
      title={text.robots.createdTitle(robot.name)}
      // A click beside the dialog must not lose the secret.
      mask={{ closable: false }}
      onCancel={onClose}
      footer={<Button onClick={onClose}>{text.actions.close}</Button>}
    >
      <Flex vertical gap="middle">
        <Alert type="warning" showIcon title={text.robots.secretOnce} />
        <CommandLine command={robot.name} label={text.fields.name} />
        <CommandLine command={robot.secret} label={text.robots.secret} />
      </Flex>
    </Modal>
  );
}
