import { Flex, Typography } from "antd";
import { Link } from "wouter";
import { PageHeader } from "../components/PageHeader";
import { useText } from "../i18n/Language";
import { paths } from "./paths";

/** The page for an address that nothing stands at. */
export function NotFound() {
  const text = useText();
  return (
    <>
      <PageHeader title={text.errors.notFound} />
      <Flex vertical gap="middle">
        <Typography.Text>{text.errors.notFoundHint}</Typography.Text>
        <Link href={paths.projects}>{text.shell.projects}</Link>
      </Flex>
    </>
  );
}
