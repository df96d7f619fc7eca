import { Form, Input, Select } from "antd";
import { addMember, ROLES, type RoleId } from "../../api/members";
import { FormDialog } from "../../components/FormDialog";
import { useText } from "../../i18n/Language";
import { useProject } from "./ProjectRoom";

interface Values {
  username: string;
  role: RoleId;
}

const DEVELOPER: RoleId = 2;

export function AddMember({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const text = useText();
  const { project } = useProject();
  return (
    <FormDialog<Values>
      title={text.members.add}
      firstField="username"
      confirm={text.actions.add}
      initialValues={{ role: DEVELOPER }}
      submit={({ username, role }) => addMember(project.name, username.trim(), role)}
      done={({ username }) => text.members.added(username)}
      onClose={onClose}
      onDone={onDone}
    >
      <Form.Item
        name="username"
        label={text.fields.username}
        rules={[{ required: true, whitespace: true, message: text.fields.required(text.fields.username) }]}
      >
        <Input autoComplete="off" autoCapitalize="none" spellCheck={false} />
      </Form.Item>
      <Form.Item name="role" label={text.fields.role}>
        <Select options={ROLES.map((role) => ({ value: role, label: text.roles[role] }))} />
      </Form.Item>
    </FormDialog>
  );
}
