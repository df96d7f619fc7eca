import { Button, type TableColumnsType } from "antd";
import { useState } from "react";
import { listMembers, type Member, removeMember } from "../../api/members";
import { ActionsTitle } from "../../components/ActionsTitle";
import { DeleteButton } from "../../components/DeleteButton";
import { ListTable } from "../../components/ListTable";
import { useList } from "../../hooks/useList";
import { useText } from "../../i18n/Language";
import { AddMember } from "./AddMember";
import { MemberRole } from "./MemberRole";
import { useProject } from "./ProjectRoom";

export function MembersTab() {
  const text = useText();
  const { project, may } = useProject();
  const [adding, setAdding] = useState(false);
  const list = useList(`members ${project.name}`, (request, signal) =>
    listMembers(project.name, request, signal),
  );
  const columns: TableColumnsType<Member> = [
    { key: "name", title: text.fields.name, dataIndex: "entity_name" },
    {
      key: "type",
      title: text.fields.type,
      render: (_, member) => (member.entity_type === "g" ? text.members.group : text.members.user),
    },
    {
      key: "role",
      title: text.fields.role,
      render: (_, member) =>
        may("member", "update") ? (
          <MemberRole member={member} onDone={list.reload} />
        ) : (
          text.roles[member.role_id]
        ),
    },
    {
      key: "actions",
      title: <ActionsTitle />,
      align: "end",
      render: (_, member) =>
        may("member", "delete") && (
          <DeleteButton
            name={member.entity_name}
            label={text.members.remove(member.entity_name)}
            question={text.members.removeQuestion(member.entity_name)}
            explanation={text.members.removeExplanation}
            done={text.members.removed(member.entity_name)}
            confirm={text.actions.remove}
            change={() => removeMember(project.name, member.id)}
            onDone={list.reload}
          />
        ),
    },
  ];
  return (
    <>
      <ListTable
        label={text.project.members}
        list={list}
        columns={columns}
        rowKey="id"
        empty={text.members.empty}
        searchPlaceholder={text.members.searchPlaceholder}
        actions={
          may("member", "create") && (
            <Button type="primary" onClick={() => setAdding(true)}>
              {text.members.add}
            </Button>
          )
        }
      />
      {adding && (
        <AddMember
          onClose={() => setAdding(false)}
          onDone={() => {
            setAdding(false);
            list.reload();
          }}
        />
      )}
    </>
  );
}
