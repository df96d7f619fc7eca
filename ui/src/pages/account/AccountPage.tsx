import { Button, Flex, Form, Input } from "antd";
import { changePassword } from "../../api/session";
import type { User } from "../../api/users";
import { ErrorAlert } from "../../components/ErrorAlert";
import { Facts } from "../../components/Facts";
import { NewPasswordFields } from "../../components/NewPasswordFields";
import { PageHeader } from "../../components/PageHeader";
import { Section } from "../../components/Section";
import { useAction } from "../../hooks/useAction";
import { useText } from "../../i18n/Language";

interface Values {
  old: string;
  password: string;
}

export function AccountPage({ user }: { user: User }) {
  const text = useText();
  return (
    <>
      <PageHeader title={text.account.title} />
      <Flex vertical gap="large" className="narrow">
        <Facts
          rows={[
            [text.fields.username, user.username],
            [text.fields.realName, user.realname],
            [text.fields.email, user.email],
            [text.users.administrator, user.sysadmin_flag ? text.values.yes : text.values.no],
          ]}
        />
        <ChangePassword user={user} />
      </Flex>
    </>
  );
}

function ChangePassword({ user }: { user: User }) {
  const text = useText();
  const action = useAction();
  const [form] = Form.useForm<Values>();
  const finish = async ({ old, password }: Values) => {
    if (await action.run(() => changePassword(user.user_id, old, password), text.account.changed)) {
      form.resetFields();
    }
  };
  return (
    <Section title={text.account.changePassword}>
      <Form<Values> form={form} layout="vertical" requiredMark={false} onFinish={finish}>
        {/* Password managers want to know whose password it is. */}
        <input type="text" hidden readOnly autoComplete="username" value={user.username} />
        <Form.Item
          name="old"
          label={text.account.oldPassword}
          rules={[{ required: true, message: text.fields.required(text.account.oldPassword) }]}
        >
          <Input.Password autoComplete="current-password" />
        </Form.Item>
        <NewPasswordFields />
        <Flex vertical gap="middle" align="start">
          <ErrorAlert error={action.error} />
          <Button type="primary" htmlType="submit" loading={action.busy}>
            {text.account.changePassword}
          </Button>
        </Flex>
      </Form>
    </Section>
  );
}
