import { Checkbox, Form, Input, InputNumber } from "antd";
import type { Project } from "../../api/projects";
import { type CreatedRobot, createRobot, type NewRobot } from "../../api/robots";
import type { Permission } from "../../api/session";
import { useText } from "../../i18n/Language";
import { FormDialog } from "../FormDialog";

interface Properties {
  /** Where the robot works; null for all projects. */
  project: Project | null;
  onClose: () => void;
  onCreated: (robot: CreatedRobot) => void;
}

type Ability = "pull" | "push" | "delete";

interface Values {
  name: string;
  description?: string;
  abilities: Ability[];
  forever: boolean;
  days: number;
}

/** What each box of the form stands for. */
const ABILITIES: Record<Ability, Permission[]> = {
  pull: [
    { resource: "repository", action: "pull" },
    { resource: "repository", action: "list" },
    { resource: "artifact", action: "list" },
    { resource: "artifact", action: "read" },
    { resource: "tag", action: "list" },
  ],
  push: [
    { resource: "repository", action: "push" },
    { resource: "tag", action: "create" },
  ],
  delete: [
    { resource: "repository", action: "delete" },
    { resource: "artifact", action: "delete" },
    { resource: "tag", action: "delete" },
  ],
};
const ROBOT_NAME = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;
const LONGEST_DAYS = 3650;
const FOREVER = -1;

/** The form for a new robot account. */
export function CreateRobot({ project, onClose, onCreated }: Properties) {
  const text = useText();
  return (
    <FormDialog<Values>
      title={text.robots.create}
      firstField="name"
      confirm={text.actions.create}
      initialValues={{ abilities: ["pull"], forever: false, days: 30 }}
      submit={async (values) => onCreated(await createRobot(describe(project, values)))}
      onClose={onClose}
      onDone={() => {}}
    >
      <Form.Item
        name="name"
        label={text.fields.name}
        extra={text.robots.nameHint}
        rules={[
          { required: true, message: text.fields.required(text.fields.name) },
          { pattern: ROBOT_NAME, message: text.fields.invalid(text.fields.name) },
        ]}
        validateTrigger="onBlur"
      >
        <Input autoComplete="off" autoCapitalize="none" spellCheck={false} maxLength={200} />
      </Form.Item>
      <Form.Item name="description" label={text.fields.description}>
        <Input autoComplete="off" maxLength={1000} />
      </Form.Item>
      <Form.Item
        name="abilities"
        label={text.robots.permissions}
        rules={[{ type: "array", min: 1, message: text.robots.needsPermission }]}
      >
        <Checkbox.Group
          options={[
            { value: "pull", label: text.robots.mayPull },
            { value: "push", label: text.robots.mayPush },
            { value: "delete", label: text.robots.mayDelete },
          ]}
        />
      </Form.Item>
      <Form.Item name="forever" valuePropName="checked">
        <Checkbox>{text.robots.neverExpires}</Checkbox>
      </Form.Item>
      <Form.Item noStyle dependencies={["forever"]}>
        {({ getFieldValue }) => (
          <Form.Item name="days" label={text.robots.days}>
            <InputNumber
              min={1}
              max={LONGEST_DAYS}
              precision={0}
              disabled={getFieldValue("forever") === true}
            />
          </Form.Item>
        )}
      </Form.Item>
    </FormDialog>
  );
}

function describe(project: Project | null, values: Values): NewRobot {
  // Nothing can be pushed without being read: a client asks first what is there.
  const abilities = new Set<Ability>(values.abilities);
  if (abilities.has("push")) abilities.add("pull");
  return {
    name: values.name,
    description: values.description ?? "",
    level: project === null ? "system" : "project",
    duration: values.forever ? FOREVER : values.days,
    permissions: [
      {
        kind: "project",
        namespace: project?.name ?? "*",
        access: [...abilities].flatMap((ability) => ABILITIES[ability]),
      },
    ],
  };
}
