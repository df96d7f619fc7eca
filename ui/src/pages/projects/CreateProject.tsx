import { Form, Input, Radio } from "antd";
import { createProject } from "../../api/projects";
import { FormDialog } from "../../components/FormDialog";
import { useText } from "../../i18n/Language";

interface Values {
  name: string;
  open: boolean;
}

/** What the registry takes as a project's name; a repository's name begins with it. */
const PROJECT_NAME = /^(?=.{2,255}$)[a-z0-9]+(?:[._-][a-z0-9]+)*$/;

export function CreateProject({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const text = useText();
  return (
    <FormDialog<Values>
      title={text.projects.create}
      firstField="name"
      confirm={text.actions.create}
      initialValues={{ open: false }}
      submit={({ name, open }) => createProject(name, open)}
      done={({ name }) => text.projects.created(name)}
      onClose={onClose}
      onDone={onDone}
    >
      <Form.Item
        name="name"
        label={text.fields.name}
        extra={text.projects.nameHint}
        rules={[
          { required: true, message: text.fields.required(text.fields.name) },
          { pattern: PROJECT_NAME, message: text.fields.invalid(text.fields.name) },
        ]}
        validateTrigger="onBlur"
      >
        <Input autoComplete="off" autoCapitalize="none" spellCheck={false} />
      </Form.Item>
      <Form.Item name="open" label={text.projects.access}>
        <Radio.Group
          vertical
          options={[
            { value: false, label: `${text.projects.private}: ${text.projects.privateHint}` },
            { value: true, label: `${text.projects.public}: ${text.projects.publicHint}` },
          ]}
        />
      </Form.Item>
    </FormDialog>
  );
}
