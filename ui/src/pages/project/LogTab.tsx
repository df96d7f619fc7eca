import { listProjectLog } from "../../api/logs";
import { LogTable } from "../../components/LogTable";
import { useProject } from "./ProjectRoom";

export function LogTab() {
  const { project } = useProject();
  return (
    <LogTable name={project.name} load={(request, signal) => listProjectLog(project.name, request, signal)} />
  );
}
