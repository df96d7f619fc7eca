import { Alert, Button, Card, Flex, Form, Input, Typography } from "antd";
import { useEffect } from "react";
import { Link } from "wouter";
import { isWrongPassword } from "../../api/session";
import { paths } from "../../app/paths";
import { ErrorAlert } from "../../components/ErrorAlert";
import { useAction } from "../../hooks/useAction";
import { useText } from "../../i18n/Language";
import { useSession } from "../../session/Session";

interface Values {
  principal: string;
  password: string;
}

export function SignInPage() {
  const text = useText();
  const { signIn } = useSession();
  const action = useAction();
  useEffect(() => {
    document.title = `${text.signIn.submit} · Wharf`;
  }, [text]);
  const finish = ({ principal, password }: Values) => action.run(() => signIn(principal, password));
  const required = (label: string) => [{ required: true, message: text.fields.required(label) }];
  return (
    <Card className="sign-in">
      <Flex vertical gap="middle">
        <Typography.Title level={1} className="page-title">
          {text.signIn.title}
        </Typography.Title>
        {isWrongPassword(action.error) ? (
          <Alert type="error" showIcon title={text.signIn.wrong} />
        ) : (
          <ErrorAlert error={action.error} />
        )}
        <Form<Values> layout="vertical" requiredMark={false} onFinish={finish}>
          <Form.Item name="principal" label={text.fields.username} rules={required(text.fields.username)}>
            <Input autoFocus autoComplete="username" autoCapitalize="none" spellCheck={false} />
          </Form.Item>
          <Form.Item name="password" label={text.fields.password} rules={required(text.fields.password)}>
            <Input.Password autoComplete="current-password" />
          </Form.Item>
          <Button type="primary" htmlType="submit" loading={action.busy} block>
            {text.signIn.submit}
          </Button>
        </Form>
        <Link href={paths.projects}>{text.signIn.browse}</Link>
      </Flex>
    </Card>
  );
}
