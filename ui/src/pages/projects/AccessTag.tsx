import { GlobalOutlined, LockOutlined } from "@ant-design/icons";
import { Tag } from "antd";
import { useText } from "../../i18n/Language";

/** Whether everybody can read a project. */
export function AccessTag({ open }: { open: boolean }) {
  const text = useText();
  return open ? (
    <Tag icon={<GlobalOutlined />}>{text.projects.public}</Tag>
  ) : (
    <Tag icon={<LockOutlined />}>{text.projects.private}</Tag>
  );
}
