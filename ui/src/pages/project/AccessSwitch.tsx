import { isPublic, setProjectPublic } from "../../api/projects";
import { ConfirmButton } from "../../components/ConfirmButton";
import { useText } from "../../i18n/Language";
import { useProject } from "./ProjectRoom";

/** Makes a public project private, and the other way round. */
export function AccessSwitch() {
  const text = useText();
  const { project, reload } = useProject();
  const { name } = project;
  const open = isPublic(project);
  const label = open ? text.project.makePrivate : text.project.makePublic;
  return (
    <ConfirmButton
      label={label}
      question={open ? text.project.makePrivateQuestion(name) : text.project.makePublicQuestion(name)}
      explanation={open ? text.projects.privateHint : text.projects.publicHint}
      confirm={label}
      done={open ? text.project.nowPrivate(name) : text.project.nowPublic(name)}
      change={() => setProjectPublic(name, !open)}
      onDone={reload}
    />
  );
}
