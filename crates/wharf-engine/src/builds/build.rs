//! The walk of a build: Dockerfile, base images, context, steps, image.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use wharf_build::builder::{
    BuildError, BuildEvent, BuildEvents, BuildInput, BuildOptions, BuiltStage, build,
};
use wharf_build::check::{CheckReport, CheckRequest, check};
use wharf_build::dockerfile::Lines;
use wharf_build::plan::{Bases, ContextKind, Plan, PlanRequest, Planned, plan};
use wharf_build::tree::FileTree;
use wharf_images::{ImageStore, Lease};
use wharf_oci::Platform;
use wharf_transfer::ErrorKind;

use super::context::{
    FoundDockerfile, IgnoreFile, archive_tree, dockerfile_in, dockerfile_of_folder, folder_tree,
    ignore_file,
};
use super::export::export;
use super::record::{manifest_of, record};
use super::remote::{Asking, asking};
use super::request::{
    BuildFailure, BuildOutcome, BuildRequest, BuildSink, ContextSource, DockerfileSource,
    FilesTarget, NamedContext,
};
use super::run::Runner;
use crate::blocking;
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};

/// Rounds in which base images bring triggers that need more of them.
const MAXIMUM_ROUNDS: usize = 100;

/// What a build works on.
struct Sources {
    dockerfile: FoundDockerfile,
    ignore: Option<IgnoreFile>,
    context: Option<Arc<dyn FileTree>>,
}

impl Engine {
    /// Builds an image.
    ///
    /// # Errors
    /// If the Dockerfile cannot be built. What was built up to there is kept for the next time.
    pub async fn build(
        &self,
        request: BuildRequest,
        sink: &BuildSink,
    ) -> Result<BuildOutcome, BuildFailure> {
        let store = self.store()?.clone();
        let lease = Arc::new(store.lease("build").map_err(classify)?);
        let events = Arc::new(BuildEvents::new(Arc::clone(sink)));
        let mut request = request;
        let sources = self.sources(&mut request, &store, &events).await?;
        let file = sources.dockerfile.clone();
        let report = self.checked(&request, &sources);
        let mut planned = self.planned(&request, &sources, &lease, &events).await?;
        request.run.apply(&mut planned);
        for (lines, text) in &planned.warnings {
            let line = lines.first;
            events.tell(BuildEvent::Warning(format!("{text} (line {line})")));
        }
        if report.fails && !report.findings.is_empty() {
            let rules: Vec<&str> = report
                .findings
                .iter()
                .map(|found| found.rule.name())
                .collect();
            let text = format!("lint violation found for rules: {}", rules.join(", "));
            return Err(failure(ErrorKind::Invalid, text).into());
        }
        let named = self.named_trees(&request, &store).await?;
        let job = Job {
            plan: planned,
            context: sources.context.clone(),
            named,
            options: request.options.clone(),
            store: store.clone(),
            lease: Arc::clone(&lease),
            events: Arc::clone(&events),
            runner: Runner {
                engine: Self::new(self.settings().clone()),
                settings: request.run.clone(),
            },
        };
        let built = self
            .steps(job)
            .await
            .map_err(|(error, lines)| BuildFailure::at(error, lines, &file.bytes, &file.name))?;
        let manifest = manifest_of(&built)?;
        if request.keeps_image {
            record(&store, &lease, &built, &manifest, &request.names, &events)?;
        }
        for target in &mut request.files {
            let running = events.start(match target {
                FilesTarget::Folder(_) => "exporting to client directory",
                FilesTarget::Archive(_) => "exporting to client tarball",
            });
            export(&store, built.config.diff_ids(), target)?;
            running.done();
        }
        Ok(BuildOutcome {
            image: built.config.id(),
            manifest: manifest.descriptor(),
            report,
            diff_ids: built.config.diff_ids().to_vec(),
            created: built.times.of_build(),
        })
    }

    /// The Dockerfile and the context.
    async fn sources(
        &self,
        request: &mut BuildRequest,
        store: &ImageStore,
        events: &BuildEvents,
    ) -> Result<Sources, EngineError> {
        let context = std::mem::replace(&mut request.context, ContextSource::Nothing);
        let limits = &self.settings().limits;
        let mut folder = None;
        let mut tree = match context {
            ContextSource::Nothing => None,
            ContextSource::Folder(path) => {
                folder = Some(path);
                None
            }
            ContextSource::Archive(source) => Some(archive_tree(source, store, limits)?),
            ContextSource::Url(url) => {
                let fetched = self.fetched(&url).await?;
                let is_archive =
                    wharf_build::copy::is_archive(fetched.file.span(0, fetched.size), limits);
                let mut content = fetched.file.span(0, fetched.size);
                if is_archive {
                    Some(archive_tree(content, store, limits)?)
                } else {
                    let mut bytes = Vec::new();
                    std::io::Read::read_to_end(&mut content, &mut bytes).map_err(classify)?;
                    request.dockerfile = DockerfileSource::Bytes(bytes);
                    None
                }
            }
            ContextSource::Git(address) => {
                Some(super::git::git_tree(&address, false, None, store)?)
            }
        };
        let dockerfile = match (&request.dockerfile, &tree) {
            (DockerfileSource::InContext(name), Some(tree)) => {
                dockerfile_in(tree.as_ref(), name.as_deref())?
            }
            (source, _) => dockerfile_of_folder(source, folder.as_deref())?,
        };
        let running = events.start(format!(
            "[internal] load build definition from {}",
            dockerfile.name
        ));
        running.status(format!(
            "transferring dockerfile: {}B done",
            dockerfile.bytes.len()
        ));
        running.done();
        let mut ignore = None;
        if let Some(folder) = &folder {
            let running = events.start("[internal] load .dockerignore");
            let found = ignore_file(folder, dockerfile.path.as_deref())?;
            running.status(format!("transferring context: {}B done", found.size));
            running.done();
            tree = Some(folder_tree(folder, request.modes, found.clone())?);
            ignore = Some(found);
        }
        Ok(Sources {
            dockerfile,
            ignore,
            context: tree,
        })
    }

    fn platform_of(&self, request: &BuildRequest) -> Platform {
        let wanted = request.platform.as_ref();
        wanted.unwrap_or(&self.settings().platform).clone()
    }

    fn checked(&self, request: &BuildRequest, sources: &Sources) -> CheckReport {
        let ignore = sources.ignore.as_ref().map(|found| &found.matcher);
        check(CheckRequest {
            file: &sources.dockerfile.bytes,
            build_arguments: &request.build_arguments,
            target: request.target.as_deref(),
            ignore: ignore.filter(|found| !found.is_empty()),
            build_platform: &self.settings().platform,
            target_platform: &self.platform_of(request),
        })
    }

    /// The plan, once all base images are known.
    async fn planned(
        &self,
        request: &BuildRequest,
        sources: &Sources,
        lease: &Lease,
        events: &BuildEvents,
    ) -> Result<Plan, BuildFailure> {
        let contexts: BTreeMap<String, ContextKind> = request
            .named
            .iter()
            .map(|(name, context)| {
                let kind = match context {
                    NamedContext::Image(reference) => ContextKind::Image(reference.clone()),
                    _ => ContextKind::Files,
                };
                (name.clone(), kind)
            })
            .collect();
        let file = &sources.dockerfile;
        let fails = |error, lines| BuildFailure::at(error, lines, &file.bytes, &file.name);
        let mut bases = Bases::new();
        for _ in 0..MAXIMUM_ROUNDS {
            let planned = plan(PlanRequest {
                file: &file.bytes,
                build_arguments: &request.build_arguments,
                target: request.target.as_deref(),
                labels: &request.labels,
                build_platform: &self.settings().platform,
                target_platform: &self.platform_of(request),
                contexts: &contexts,
                bases: &bases,
            });
            let planned = planned.map_err(|problem| {
                let lines = problem.lines();
                fails(failure(ErrorKind::Invalid, problem.to_string()), lines)
            })?;
            let needs = match planned {
                Planned::Ready(plan) => return Ok(*plan),
                Planned::Needs(needs) => needs,
            };
            for need in needs {
                let found = self.base_image(&need, request.pull, lease, events).await;
                let base = found.map_err(|error| fails(error, Some(need.lines)))?;
                bases.insert((need.reference, need.platform), base);
            }
        }
        let text = "base images bring triggers without an end";
        Err(failure(ErrorKind::Invalid, text).into())
    }

    async fn named_trees(
        &self,
        request: &BuildRequest,
        store: &ImageStore,
    ) -> Result<HashMap<String, Arc<dyn FileTree>>, EngineError> {
        let mut trees = HashMap::new();
        for (name, context) in &request.named {
            let tree = match context {
                NamedContext::Image(_) => continue,
                NamedContext::Folder(folder) => {
                    let ignore = ignore_file(folder, None)?;
                    folder_tree(folder, request.modes, ignore)?
                }
                NamedContext::Git(address) => super::git::git_tree(address, false, None, store)?,
                NamedContext::Url(url) => {
                    let fetched = self.fetched(url).await?;
                    let content = fetched.file.span(0, fetched.size);
                    archive_tree(content, store, &self.settings().limits)?
                }
            };
            trees.insert(name.clone(), tree);
        }
        Ok(trees)
    }

    /// Does the steps on a thread of their own, and gets meanwhile what they want from web servers.
    async fn steps(&self, job: Job) -> Result<BuiltStage, StepsFailure> {
        let (asking, mut wishes) = asking(&job.store);
        let work = blocking::run(move || Ok(job.run(&asking)));
        let mut work = std::pin::pin!(work);
        let done = loop {
            tokio::select! {
                done = &mut work => break done,
                Some(wish) = wishes.recv() => self.grant(wish).await,
            }
        };
        match done {
            Ok(Ok(built)) => Ok(built),
            Ok(Err(error)) => Err((failure(ErrorKind::Invalid, error.to_string()), error.lines)),
            Err(error) => Err((error, None)),
        }
    }
}

/// Why steps could not be done, and where that stands.
type StepsFailure = (EngineError, Option<Lines>);

/// What the thread that does the steps has.
struct Job {
    plan: Plan,
    context: Option<Arc<dyn FileTree>>,
    named: HashMap<String, Arc<dyn FileTree>>,
    options: BuildOptions,
    store: ImageStore,
    lease: Arc<Lease>,
    events: Arc<BuildEvents>,
    runner: Runner,
}

impl Job {
    fn run(&self, asking: &Asking) -> Result<BuiltStage, BuildError> {
        build(BuildInput {
            plan: &self.plan,
            store: &self.store,
            lease: &self.lease,
            context: self.context.as_ref(),
            named: &self.named,
            remote: asking,
            runner: &self.runner,
            options: &self.options,
            events: &self.events,
        })
    }
}
