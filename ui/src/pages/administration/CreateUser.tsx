import { Form, Input } from "antd";
import { createUser, type NewUser } from "../../api/users";
import { FormDialog } from "../../components/FormDialog";
import { NewPasswordFields } from "../../components/NewPasswordFields";
import { useText } from "../../i18n/Language";

export function CreateUser({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const text = useText();
  const required = { required: true, whitespace: true, message: text.fields.required(text.fields.username) };
  return (
    <FormDialog<NewUser>
      title={text.users.create}
      firstField="username"
      confirm={text.actions.create}
      submit={({ username, email = "", realname = "", password }) =>
        createUser({ username, email, realname, password })
      }
      done={({ username }) => text.users.created(username)}
      onClose={onClose}
      onDone={onDone}
    >
      <Form.Item name="username" label={text.fields.username} rules={[required]}>
        <Input autoComplete="off" autoCapitalize="none" spellCheck={false} />
      </Form.Item>
      <Form.Item name="email" label={text.fields.email}>
        <Input type="email" autoComplete="off" />
      </Form.Item>
      <Form.Item name="realname" label={text.fields.realName}>
        <Input autoComplete="off" />
      </Form.Item>
      <NewPasswordFields />
    </FormDialog>
  );
}
