import { listAuditLog } from "../../api/logs";
import { LogTable } from "../../components/LogTable";

export function AuditTab() {
  return <LogTable name="of the registry" load={listAuditLog} />;
}
