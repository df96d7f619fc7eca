import { Empty, Flex } from "antd";
import type { ReactNode } from "react";
import { Link, useSearchParams } from "wouter";
import { isPublic } from "../../api/projects";
import { nameInProject } from "../../api/repositories";
import { search } from "../../api/search";
import { paths } from "../../app/paths";
import { Loading } from "../../components/Loading";
import { PageHeader } from "../../components/PageHeader";
import { Section } from "../../components/Section";
import { useLoad } from "../../hooks/useLoad";
import { useText } from "../../i18n/Language";
import { AccessTag } from "../projects/AccessTag";

/** Something found. */
interface Result {
  name: string;
  href: string;
  open: boolean;
}

export function SearchPage() {
  const text = useText();
  const [parameters] = useSearchParams();
  const wanted = parameters.get("q") ?? "";
  const loaded = useLoad(`search ${wanted}`, async (signal) => {
    const found = await search(wanted, signal);
    const projects: Result[] = (found.project ?? []).map((project) => ({
      name: project.name,
      href: paths.project(project.name),
      open: isPublic(project),
    }));
    const repositories: Result[] = (found.repository ?? []).map((repository) => ({
      name: repository.repository_name,
      href: paths.repository(
        repository.project_name,
        nameInProject(repository.project_name, repository.repository_name),
      ),
      open: repository.project_public === true,
    }));
    return { projects, repositories };
  });
  return (
    <>
      <PageHeader title={text.search.title(wanted)} />
      <Loading from={loaded}>
        {({ projects, repositories }) =>
          projects.length + repositories.length === 0 ? (
            <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={text.search.nothing(wanted)} />
          ) : (
            <Flex vertical gap="large">
              <Results title={text.search.projects} results={projects} />
              <Results title={text.search.repositories} results={repositories} />
            </Flex>
          )
        }
      </Loading>
    </>
  );
}

function Results({ title, results }: { title: string; results: Result[] }): ReactNode {
  if (results.length === 0) return null;
  return (
    <Section title={title}>
      <ul className="plain-list results">
        {results.map(({ name, href, open }) => (
          <li key={href}>
            <Link href={href}>{name}</Link> <AccessTag open={open} />
          </li>
        ))}
      </ul>
    </Section>
  );
}
