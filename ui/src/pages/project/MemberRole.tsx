import { App, Select } from "antd";
import { type Member, ROLES, type RoleId, setMemberRole } from "../../api/members";
import { useText } from "../../i18n/Language";
import { useProject } from "./ProjectRoom";

/** A member's role, to be changed. */
export function MemberRole({ member, onDone }: { member: Member; onDone: () => void }) {
  const text = useText();
  const { message } = App.useApp();
  const { project } = useProject();
  const change = async (role: RoleId) => {
    try {
      await setMemberRole(project.name, member.id, role);
      message.success(text.members.roleChanged(member.entity_name, text.roles[role]));
    } catch (failure) {
      message.error(failure instanceof Error ? failure.message : String(failure));
    }
    onDone();
  };
  return (
    <Select<RoleId>
      aria-label={text.members.changeRole(member.entity_name)}
      value={member.role_id}
      options={ROLES.map((role) => ({ value: role, label: text.roles[role] }))}
      popupMatchSelectWidth={false}
      onChange={change}
    />
  );
}
