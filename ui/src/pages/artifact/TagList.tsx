import { Button, Flex, Form, Input, Tag as Label, Table, type TableColumnsType } from "antd";
import { useState } from "react";
import { addTag, deleteTag, type Tag } from "../../api/artifacts";
import { ActionsTitle } from "../../components/ActionsTitle";
import { DeleteButton } from "../../components/DeleteButton";
import { FormDialog } from "../../components/FormDialog";
import { Section } from "../../components/Section";
import { When } from "../../components/When";
import { useText } from "../../i18n/Language";
import { useProject } from "../project/ProjectRoom";
import type { Place } from "./ArtifactPage";

interface Properties {
  place: Place;
  tags: Tag[];
  onChange: () => void;
}

/** The tags of an artifact. */
export function TagList({ place, tags, onChange }: Properties) {
  const text = useText();
  const { may } = useProject();
  const [adding, setAdding] = useState(false);
  const columns: TableColumnsType<Tag> = [
    {
      key: "name",
      title: text.fields.name,
      render: (_, { name, immutable }) => (
        <Flex gap="small">
          <code>{name}</code>
          {immutable && <Label>{text.artifact.immutable}</Label>}
        </Flex>
      ),
    },
    { key: "pushed", title: text.repository.pushed, render: (_, { push_time }) => <When time={push_time} /> },
    { key: "pulled", title: text.repository.pulled, render: (_, { pull_time }) => <When time={pull_time} /> },
    {
      key: "actions",
      title: <ActionsTitle />,
      align: "end",
      render: (_, tag) =>
        may("tag", "delete") && <DeleteTag place={place} name={tag.name} onDone={onChange} />,
    },
  ];
  return (
    <Section
      title={text.artifact.tags}
      actions={
        may("tag", "create") && <Button onClick={() => setAdding(true)}>{text.artifact.addTag}</Button>
      }
    >
      <Table<Tag>
        aria-label={text.artifact.tags}
        rowKey="name"
        columns={columns}
        dataSource={tags}
        size="small"
        pagination={{ hideOnSinglePage: true }}
        locale={{ emptyText: <span className="quiet">{text.artifact.tagsEmpty}</span> }}
      />
      {adding && (
        <AddTag
          place={place}
          onClose={() => setAdding(false)}
          onDone={() => {
            setAdding(false);
            onChange();
          }}
        />
      )}
    </Section>
  );
}

function DeleteTag({ place, name, onDone }: { place: Place; name: string; onDone: () => void }) {
  const text = useText();
  return (
    <DeleteButton
      name={name}
      question={text.artifact.tagDeleteQuestion(name)}
      explanation={text.artifact.tagDeleteExplanation}
      done={text.artifact.tagDeleted(name)}
      change={() => deleteTag(place.project, place.repository, place.digest, name)}
      onDone={onDone}
    />
  );
}

/** A tag, as the distribution specification has it. */
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

function AddTag({ place, onClose, onDone }: { place: Place; onClose: () => void; onDone: () => void }) {
  const text = useText();
  return (
    <FormDialog<{ name: string }>
      title={text.artifact.addTag}
      firstField="name"
      confirm={text.actions.add}
      submit={({ name }) => addTag(place.project, place.repository, place.digest, name)}
      done={({ name }) => text.artifact.tagAdded(name)}
      onClose={onClose}
      onDone={onDone}
    >
      <Form.Item
        name="name"
        label={text.fields.name}
        extra={text.artifact.tagHint}
        rules={[
          { required: true, message: text.fields.required(text.fields.name) },
          { pattern: TAG, message: text.fields.invalid(text.fields.name) },
        ]}
        validateTrigger="onBlur"
      >
        <Input autoComplete="off" autoCapitalize="none" spellCheck={false} />
      </Form.Item>
    </FormDialog>
  );
}
