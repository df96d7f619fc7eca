import { RobotList } from "../../components/robots/RobotList";
import { useProject } from "./ProjectRoom";

export function RobotsTab() {
  const { project, may } = useProject();
  return (
    <RobotList project={project} mayCreate={may("robot", "create")} mayDelete={may("robot", "delete")} />
  );
}
