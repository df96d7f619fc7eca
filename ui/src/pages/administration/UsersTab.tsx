import { Button, type TableColumnsType, Tag } from "antd";
import { useState } from "react";
import { deleteUser, listUsers, type User } from "../../api/users";
import { ActionsTitle } from "../../components/ActionsTitle";
import { DeleteButton } from "../../components/DeleteButton";
import { ListTable } from "../../components/ListTable";
import { When } from "../../components/When";
import { useList } from "../../hooks/useList";
import { useText } from "../../i18n/Language";
import { useSession } from "../../session/Session";
import { AdministratorSwitch } from "./AdministratorSwitch";
import { CreateUser } from "./CreateUser";
import { ResetPassword } from "./ResetPassword";

/** Which dialog is open: none, that for a new user, or that for somebody's password. */
type Dialog = "none" | "create" | User;

export function UsersTab() {
  const text = useText();
  const { user: self } = useSession();
  const [dialog, setDialog] = useState<Dialog>("none");
  const list = useList("users", listUsers, "username");
  const close = () => setDialog("none");
  const isSelf = (user: User) => user.user_id === self?.user_id;
  const columns: TableColumnsType<User> = [
    {
      key: "username",
      title: text.fields.username,
      sorter: true,
      render: (_, user) => (
        <>
          {user.username} {isSelf(user) && <Tag>{text.users.you}</Tag>}
        </>
      ),
    },
    { key: "realname", title: text.fields.realName, dataIndex: "realname" },
    { key: "email", title: text.fields.email, dataIndex: "email" },
    {
      key: "administrator",
      title: text.users.administrator,
      render: (_, user) => <AdministratorSwitch user={user} disabled={isSelf(user)} onDone={list.reload} />,
    },
    { key: "created", title: text.fields.created, render: (_, user) => <When time={user.creation_time} /> },
    {
      key: "actions",
      title: <ActionsTitle />,
      align: "end",
      render: (_, user) =>
        !isSelf(user) && (
          <span className="nowrap">
            <Button type="text" size="small" onClick={() => setDialog(user)}>
              {text.users.resetPassword}
            </Button>
            <DeleteButton
              name={user.username}
              question={text.users.deleteQuestion(user.username)}
              explanation={text.users.deleteExplanation}
              done={text.users.deleted(user.username)}
              change={() => deleteUser(user.user_id)}
              onDone={list.reload}
            />
          </span>
        ),
    },
  ];
  return (
    <>
      <ListTable
        label={text.administration.users}
        list={list}
        columns={columns}
        rowKey="user_id"
        empty={text.list.empty}
        searchPlaceholder={text.users.searchPlaceholder}
        actions={
          <Button type="primary" onClick={() => setDialog("create")}>
            {text.users.create}
          </Button>
        }
      />
      {dialog === "create" && (
        <CreateUser
          onClose={close}
          onDone={() => {
            close();
            list.reload();
          }}
        />
      )}
      {typeof dialog === "object" && <ResetPassword user={dialog} onClose={close} />}
    </>
  );
}
