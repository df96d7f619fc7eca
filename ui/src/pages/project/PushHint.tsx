import { Button, Flex, Popover } from "antd";
import { CommandLine } from "../../components/CommandLine";
import { useText } from "../../i18n/Language";
import { useClientAddress } from "../../session/clientAddress";
import { useProject } from "./ProjectRoom";

/** How to get an image into this project. */
export function PushHint() {
  const text = useText();
  const { project } = useProject();
  const target = `${useClientAddress()}/${project.name}/IMAGE:TAG`;
  const commands = [`docker tag IMAGE:TAG ${target}`, `docker push ${target}`];
  const content = (
    <Flex vertical gap="small">
      {commands.map((command) => (
        <CommandLine key={command} command={command} label={command} />
      ))}
    </Flex>
  );
  return (
    <Popover trigger="click" placement="bottomRight" title={text.repositories.pushCommands} content={content}>
      <Button>{text.repositories.pushCommands}</Button>
    </Popover>
  );
}
