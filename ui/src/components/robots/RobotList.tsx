import { Button, Flex, type TableColumnsType, Tag } from "antd";
import { useState } from "react";
import type { Project } from "../../api/projects";
import { type CreatedRobot, deleteRobot, listRobots, type Robot } from "../../api/robots";
import { useList } from "../../hooks/useList";
import type { Messages } from "../../i18n/en";
import { useText } from "../../i18n/Language";
import { ActionsTitle } from "../ActionsTitle";
import { DeleteButton } from "../DeleteButton";
import { ListTable } from "../ListTable";
import { ExactTime, When } from "../When";
import { CreateRobot } from "./CreateRobot";
import { RobotSecret } from "./RobotSecret";

interface Properties {
  /** Whose robots; null for those of the whole registry. */
  project: Project | null;
  mayCreate: boolean;
  mayDelete: boolean;
}

/** The robot accounts of a project or of the registry. */
export function RobotList({ project, mayCreate, mayDelete }: Properties) {
  const text = useText();
  const [creating, setCreating] = useState(false);
  const [created, setCreated] = useState<CreatedRobot | null>(null);
  const list = useList(`robots ${project?.name}`, (request, signal) =>
    listRobots(project?.project_id ?? null, request, signal),
  );
  const columns: TableColumnsType<Robot> = [
    ...describingColumns(text),
    {
      key: "actions",
      title: <ActionsTitle />,
      align: "end",
      render: (_, robot) =>
        mayDelete && (
          <DeleteButton
            name={robot.name}
            question={text.robots.deleteQuestion(robot.name)}
            explanation={text.robots.deleteExplanation}
            done={text.robots.deleted(robot.name)}
            change={() => deleteRobot(robot.id)}
            onDone={list.reload}
          />
        ),
    },
  ];
  return (
    <>
      <ListTable
        label={text.project.robots}
        list={list}
        columns={columns}
        rowKey="id"
        empty={text.robots.empty}
        searchPlaceholder={text.robots.searchPlaceholder}
        actions={
          mayCreate && (
            <Button type="primary" onClick={() => setCreating(true)}>
              {text.robots.create}
            </Button>
          )
        }
      />
      {creating && (
        <CreateRobot
          project={project}
          onClose={() => setCreating(false)}
          onCreated={(robot) => {
            setCreating(false);
            setCreated(robot);
            list.reload();
          }}
        />
      )}
      {created && <RobotSecret robot={created} onClose={() => setCreated(null)} />}
    </>
  );
}

function describingColumns(text: Messages): TableColumnsType<Robot> {
  return [
    { key: "name", title: text.fields.name, render: (_, robot) => <code>{robot.name}</code> },
    { key: "description", title: text.fields.description, dataIndex: "description" },
    {
      key: "permissions",
      title: text.robots.permissions,
      render: (_, robot) => <Permissions robot={robot} />,
    },
    {
      key: "status",
      title: text.fields.status,
      render: (_, robot) => (robot.disable ? text.robots.disabled : text.robots.enabled),
    },
    { key: "expires", title: text.robots.expires, render: (_, robot) => <Expiry robot={robot} /> },
    { key: "created", title: text.fields.created, render: (_, robot) => <When time={robot.creation_time} /> },
  ];
}

/** What a robot may do, in the API's words, once each. */
function Permissions({ robot }: { robot: Robot }) {
  const all = (robot.permissions ?? []).flatMap(({ access }) => access);
  const names = new Set(all.map(({ resource, action }) => `${resource}:${action}`));
  return (
    <Flex gap={4} wrap className="wrapping">
      {[...names].map((name) => (
        <Tag key={name}>{name}</Tag>
      ))}
    </Flex>
  );
}

function Expiry({ robot }: { robot: Robot }) {
  const text = useText();
  const seconds = robot.expires_at ?? -1;
  return seconds <= 0 ? (
    text.robots.neverExpires
  ) : (
    <ExactTime time={new Date(seconds * 1000).toISOString()} />
  );
}
