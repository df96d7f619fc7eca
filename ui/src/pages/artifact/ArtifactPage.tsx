import { Flex } from "antd";
import { useLocation } from "wouter";
import { type Artifact, deleteArtifact, getArtifact } from "../../api/artifacts";
import { paths } from "../../app/paths";
import { ConfirmButton } from "../../components/ConfirmButton";
import { shortDigest } from "../../components/Digest";
import { Loading } from "../../components/Loading";
import { PageHeader } from "../../components/PageHeader";
import { useLoad } from "../../hooks/useLoad";
import { useText } from "../../i18n/Language";
import { useProject } from "../project/ProjectRoom";
import { Accessories } from "./Accessories";
import { Annotations } from "./Annotations";
import { Configuration } from "./Configuration";
import { IndexPlatforms } from "./IndexPlatforms";
import { Layers } from "./Layers";
import { Overview } from "./Overview";
import { PullCommands } from "./PullCommands";
import { TagList } from "./TagList";

/** Where an artifact stands: what every part of its page needs to ask about it. */
export interface Place {
  project: string;
  repository: string;
  digest: string;
}

export function ArtifactPage({ repository, digest }: { repository: string; digest: string }) {
  const text = useText();
  const { project } = useProject();
  const place: Place = { project: project.name, repository, digest };
  const loaded = useLoad(`artifact ${project.name}/${repository}@${digest}`, (signal) =>
    getArtifact(project.name, repository, digest, signal),
  );
  return (
    <>
      <PageHeader
        title={shortDigest(digest)}
        above={[
          { name: text.shell.projects, href: paths.projects },
          { name: project.name, href: paths.project(project.name) },
          { name: repository, href: paths.repository(project.name, repository) },
        ]}
        actions={loaded.data && <DeleteArtifact place={place} artifact={loaded.data} />}
      />
      <Loading from={loaded}>
        {(artifact) => <Sections place={place} artifact={artifact} onChange={loaded.reload} />}
      </Loading>
    </>
  );
}

interface SectionsProperties {
  place: Place;
  artifact: Artifact;
  onChange: () => void;
}

function Sections({ place, artifact, onChange }: SectionsProperties) {
  const isIndex = (artifact.references ?? []).length > 0;
  const isImage = artifact.type === "IMAGE";
  return (
    <Flex vertical gap="large">
      <Overview artifact={artifact} />
      <PullCommands place={place} tags={artifact.tags ?? []} isImage={isImage} />
      <TagList place={place} tags={artifact.tags ?? []} onChange={onChange} />
      {isIndex ? (
        <IndexPlatforms place={place} references={artifact.references ?? []} />
      ) : (
        <>
          <Configuration config={artifact.extra_attrs?.config ?? null} />
          <Layers place={place} isImage={isImage} />
        </>
      )}
      <Annotations annotations={artifact.annotations ?? {}} />
      <Accessories place={place} />
    </Flex>
  );
}

function DeleteArtifact({ place, artifact }: { place: Place; artifact: Artifact }) {
  const text = useText();
  const { may } = useProject();
  const [, navigate] = useLocation();
  if (!may("artifact", "delete")) return null;
  const tags = (artifact.tags ?? []).map(({ name }) => name).join(", ");
  return (
    <ConfirmButton
      danger
      label={text.artifact.delete}
      question={text.artifact.deleteQuestion(shortDigest(place.digest))}
      explanation={text.artifact.deleteExplanation(tags)}
      confirm={text.actions.delete}
      done={text.artifact.deleted}
      change={() => deleteArtifact(place.project, place.repository, place.digest)}
      onDone={() => navigate(paths.repository(place.project, place.repository))}
    />
  );
}
