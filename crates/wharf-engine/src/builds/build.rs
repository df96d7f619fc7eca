//! The walk of a build: Dockerfile, base images, context, steps, image.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

use wharf_build::builder::{
    BuildError, BuildEvent, BuildEvents, BuildInput, BuildOptions, BuiltStage, Cancellation,
    StepError, build, squash,
};
use wharf_build::check::{CheckReport, CheckRequest, check};
use wharf_build::dockerfile::Lines;
use wharf_build::plan::{Bases, ContextKind, Plan, PlanRequest, Planned, plan};
use wharf_build::tree::FileTree;
use wharf_images::{ImageStore, Lease};
use wharf_oci::{Platform, PlatformMatcher, Reference};
use wharf_transfer::ErrorKind;

use super::assemble::{BuiltPlatform, Place, Predicates, assemble};
use super::cache_export::{CachePlace, used_records};
use super::cache_import::ImportedCaches;
use super::cache_records::CacheRecords;
use super::contents::contents;
use super::context::{
    FoundDockerfile, IgnoreFile, archive_tree, dockerfile_in, dockerfile_of_folder, folder_tree,
    ignore_file,
};
use super::export::export;
use super::git::git_tree;
use super::provenance::{BuildStory, provenance};
use super::record::{manifest_of_layers, record};
use super::remote::{Asking, asking};
use super::request::{
    BuildFailure, BuildOutcome, BuildRequest, BuildSink, BuiltImage, ContextSource,
    DockerfileSource, FilesPlace, NamedContext,
};
use super::run::Runner;
use super::step_networks::StepNetworks;
use crate::blocking;
use crate::containers::BuildStarter;
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure, with_causes};
use crate::images::LayoutChoice;

/// Rounds in which base images bring triggers that need more of them.
const MAXIMUM_ROUNDS: usize = 100;

/// What the walk has with it.
#[derive(Clone, Copy)]
struct Work<'a> {
    request: &'a BuildRequest,
    sources: &'a Sources,
    store: &'a ImageStore,
    lease: &'a Arc<Lease>,
    events: &'a Arc<BuildEvents>,
    networks: &'a Arc<StepNetworks>,
}

/// Where layouts seem to be, within a plan: no registry has this name.
const LAYOUTS: &str = "oci-layout.localhost";

/// What a plan calls the image of a layout: that of the context with this number.
fn layout_name(number: usize) -> Option<Reference> {
    format!("{LAYOUTS}/context-{number}:latest").parse().ok()
}

/// The layout that a name of a plan means.
fn layout_of<'a>(
    name: &Reference,
    request: &'a BuildRequest,
) -> Option<(&'a Path, &'a LayoutChoice)> {
    let mut named = request.named.values().enumerate();
    named.find_map(|(number, context)| match context {
        NamedContext::Layout { folder, image } if layout_name(number).as_ref() == Some(name) => {
            Some((folder.as_path(), image))
        }
        _ => None,
    })
}

/// What is said of the image of each platform.
fn predicates(
    work: &Work<'_>,
    builts: &[BuiltPlatform],
    stories: &[BuildStory<'_>],
) -> Result<Vec<Predicates>, EngineError> {
    let request = work.request;
    let mut predicates: Vec<Predicates> = Vec::new();
    for story in stories {
        let mut said = Predicates::new();
        if let Some(options) = &request.attestations.provenance {
            said.push(provenance(story, options));
        }
        predicates.push(said);
    }
    if request.attestations.contents {
        let running = work.events.start("generating sbom");
        for (one, said) in builts.iter().zip(&mut predicates) {
            said.push(contents(work.store, one, &request.images)?);
        }
        running.done();
    }
    Ok(predicates)
}

/// Tells what the plan warns of, and ends the build if findings shall.
fn told(plan: &Plan, report: &CheckReport, events: &BuildEvents) -> Result<(), EngineError> {
    for (lines, text) in &plan.warnings {
        let line = lines.first;
        events.tell(BuildEvent::Warning(format!("{text} (line {line})")));
    }
    if let Some(violated) = report.violated() {
        return Err(failure(ErrorKind::Invalid, violated.to_string()));
    }
    Ok(())
}

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
        if let Some(name) = &request.run.network_name {
            self.check_step_network(name)?;
        }
        let store = self.store()?.clone();
        let lease = Arc::new(store.lease("build").map_err(classify)?);
        let events = Arc::new(BuildEvents::new(Arc::clone(sink)));
        let mut request = request;
        let address = match &request.context {
            ContextSource::Git(address) | ContextSource::Url(address) => Some(address.clone()),
            _ => None,
        };
        let cancellation = Arc::clone(&request.cancellation);
        let sources = self.sources(&mut request, &store, &events);
        let sources = unless_canceled(&cancellation, sources).await?;
        let report = self.checked(&request, &sources);
        let networks = Arc::new(StepNetworks::new(
            Self::new(self.settings().clone()),
            request.run.network_name.clone(),
            Arc::clone(&events),
        ));
        let work = Work {
            request: &request,
            sources: &sources,
            store: &store,
            lease: &lease,
            events: &events,
            networks: &networks,
        };
        let caches = match request.platforms.first() {
            _ if request.cache_from.is_empty() => ImportedCaches::default(),
            platform => {
                let platform = platform.unwrap_or(&self.settings().platform);
                self.import_caches(&request.cache_from, platform, &events)
                    .await
            }
        };
        let caches = Arc::new(caches);
        let began = store.clock().now();
        let mut builts = Vec::new();
        let mut plans = Vec::new();
        for platform in self.platforms_of(&request) {
            let planned = unless_canceled(&cancellation, self.planned(&work, &platform));
            let plan = Box::pin(planned).await?;
            if builts.is_empty() {
                told(&plan, &report, &events)?;
            }
            let one = Box::pin(self.built_for(&work, platform, plan.clone(), &caches)).await?;
            builts.push(one);
            plans.push(plan);
        }
        let _releasing = networks.release_beside();
        let times = request
            .options
            .preserve_times
            .then(|| (began, store.clock().now()));
        let stories: Vec<BuildStory<'_>> = builts
            .iter()
            .zip(&plans)
            .map(|(one, plan)| self.story(&work, one, plan, address.as_deref(), times))
            .collect();
        let records = used_records(&store, &events)?;
        let predicates = predicates(&work, &builts, &stories)?;
        let said = (&stories[..], &predicates[..]);
        let outcome = self.published(&work, &builts, said, report, &records)?;
        self.export_caches(&work, &builts, &records).await?;
        for target in &mut request.files {
            let running = events.start(match &target.place {
                FilesPlace::Folder { .. } => "exporting to client directory",
                FilesPlace::Archive(_) => "exporting to client tarball",
            });
            let said = (&predicates[..], request.attestations.provenance.as_ref());
            export(&store, &builts, said, target)?;
            running.done();
        }
        self.limit_cache(&events);
        Ok(outcome)
    }

    fn platforms_of(&self, request: &BuildRequest) -> Vec<Platform> {
        if request.platforms.is_empty() {
            return vec![self.settings().platform.clone()];
        }
        request.platforms.clone()
    }

    /// Does everything for one platform.
    async fn built_for(
        &self,
        work: &Work<'_>,
        platform: Platform,
        mut plan: Plan,
        caches: &Arc<ImportedCaches>,
    ) -> Result<BuiltPlatform, BuildFailure> {
        let request = work.request;
        request.run.apply(&mut plan);
        if request.platforms.len() > 1 {
            for stage in &mut plan.stages {
                let shown = format!("{} {}", stage.platform, stage.shown);
                shown.trim_end().clone_into(&mut stage.shown);
            }
        }
        let job = Job {
            plan,
            context: work.sources.context.clone(),
            named: unless_canceled(&request.cancellation, self.named_trees(request, work.store))
                .await?,
            options: request.options.clone(),
            caches: Arc::clone(caches),
            store: work.store.clone(),
            lease: Arc::clone(work.lease),
            events: Arc::clone(work.events),
            cancellation: Arc::clone(&request.cancellation),
            runner: Runner {
                engine: Self::new(self.settings().clone()),
                settings: request.run.clone(),
                secrets: request.secrets.clone(),
                starter: BuildStarter::default(),
                unpacked: Mutex::default(),
                networks: Arc::clone(work.networks),
            },
        };
        let file = &work.sources.dockerfile;
        let built = Box::pin(self.steps(job))
            .await
            .map_err(|(error, lines)| BuildFailure::at(error, lines, &file.bytes, &file.name))?;
        let built = match request.squash {
            None => built,
            Some(which) => {
                let running = work.events.start("squashing layers");
                let threads = request.options.threads;
                let squashed = squash(built, which, threads, work.store, work.lease);
                let squashed =
                    squashed.map_err(|error| failure(ErrorKind::Internal, error.to_string()))?;
                running.done();
                squashed
            }
        };
        Ok(BuiltPlatform { platform, built })
    }

    fn story<'a>(
        &'a self,
        work: &Work<'a>,
        one: &'a BuiltPlatform,
        plan: &'a Plan,
        address: Option<&'a str>,
        times: Option<(jiff::Timestamp, jiff::Timestamp)>,
    ) -> BuildStory<'a> {
        let (request, file) = (work.request, &work.sources.dockerfile);
        BuildStory {
            plan,
            platform: &one.platform,
            build_platform: &self.settings().platform,
            file: (&file.name, &file.bytes),
            build_arguments: &request.build_arguments,
            labels: &request.labels,
            target: request.target.as_deref(),
            context: address,
            no_cache: request.options.no_cache,
            times,
        }
    }

    /// Makes the images, and gives them their names.
    fn published(
        &self,
        work: &Work<'_>,
        builts: &[BuiltPlatform],
        (stories, predicates): (&[BuildStory<'_>], &[Predicates]),
        report: CheckReport,
        records: &CacheRecords,
    ) -> Result<BuildOutcome, EngineError> {
        let request = work.request;
        let place = Place {
            store: work.store,
            lease: work.lease,
            limits: &self.settings().limits,
            threads: request.options.threads,
            records,
        };
        let matcher = PlatformMatcher::only(&self.settings().platform);
        let best = builts
            .iter()
            .enumerate()
            .min_by_key(|(_, one)| matcher.rank(&one.platform).unwrap_or(usize::MAX));
        let (best, primary) =
            best.ok_or_else(|| failure(ErrorKind::Invalid, "there is no platform to build for"))?;
        let mut images = Vec::new();
        for target in &request.images {
            let running = work.events.start("exporting to image");
            let made = (|| {
                let names = &target.names;
                let assembled = assemble(place, builts, &target.shape, predicates, names)?;
                running.status("exporting layers done");
                let manifest = assembled.manifests.get(best).unwrap_or(&assembled.root);
                running.status(format!(
                    "exporting manifest {} done",
                    assembled.root.digest()
                ));
                if target.keeps {
                    let names = target.names_with_digest(&assembled.root);
                    let built = &primary.built;
                    // Who says when it shall have been made wants to see that.
                    let now = stories
                        .get(best)
                        .is_some_and(|one| one.plan.epoch.is_none());
                    record(
                        work.store, work.lease, built, manifest, &assembled, &names, now,
                    )?;
                    running.status(format!("writing image {} done", built.config.id()));
                    for name in &names {
                        running.status(format!("naming to {name} done"));
                    }
                }
                Ok::<_, EngineError>(BuiltImage {
                    names: names.clone(),
                    root: assembled.root,
                    manifests: assembled.manifests,
                    shape: target.shape.clone(),
                })
            })();
            match &made {
                Ok(_) => running.done(),
                Err(error) => running.failed(error),
            }
            images.push(made?);
        }
        let manifest = if let Some(image) = images.first() {
            image.root.descriptor()
        } else {
            let layers = primary.built.layers.iter().map(|layer| &layer.layer.blob);
            manifest_of_layers(&primary.built.config, layers)?.descriptor()
        };
        let told = request.attestations.provenance.clone().unwrap_or_default();
        Ok(BuildOutcome {
            image: primary.built.config.id(),
            manifest,
            images,
            provenance: stories
                .iter()
                .map(|story| (story.platform.clone(), provenance(story, &told).1))
                .collect(),
            report,
            diff_ids: primary.built.config.diff_ids().to_vec(),
            created: primary.built.times.of_build(),
            lease: Arc::clone(work.lease),
        })
    }

    /// Removes what builds remember beyond the limit. The build is done, whatever comes of it.
    fn limit_cache(&self, events: &BuildEvents) {
        // what was within the limit before still is
        if !events.has_made() {
            return;
        }
        let limit = match self.settings().build_cache_limit_bytes {
            Some(limit) => Ok(limit),
            None => rustix::fs::statvfs(&self.settings().root)
                .map(|disk| disk.f_blocks.saturating_mul(disk.f_frsize) / 10)
                .map_err(|error| classify(std::io::Error::from(error))),
        };
        if let Err(error) = limit.and_then(|limit| self.keep_within(limit)) {
            let text = format!(
                "the build cache cannot be kept within its limit: {}",
                with_causes(&error)
            );
            events.tell(BuildEvent::Warning(text));
        }
    }

    /// Writes the caches that are wanted.
    async fn export_caches(
        &self,
        work: &Work<'_>,
        builts: &[BuiltPlatform],
        records: &CacheRecords,
    ) -> Result<(), EngineError> {
        let of_result = builts.iter().flat_map(|one| one.built.config.diff_ids());
        let of_result = of_result.copied().collect();
        for target in &work.request.cache_to {
            let running = work.events.start(match &target.place {
                CachePlace::Registry(reference) => format!("exporting cache to {reference}"),
                CachePlace::Folder(folder) => {
                    format!("exporting cache to client directory {}", folder.display())
                }
                CachePlace::Inline => continue,
            });
            let exported = self
                .export_cache(target, records.clone(), &of_result, work.lease)
                .await;
            match exported {
                Ok(()) => running.done(),
                Err(error) if target.ignores_errors => {
                    let text = format!("the cache is not exported: {}", with_causes(&error));
                    work.events.tell(BuildEvent::Warning(text));
                    running.done();
                }
                Err(error) => {
                    running.failed(&error);
                    return Err(error);
                }
            }
        }
        Ok(())
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
                Some(git_context(&address, store, &request.cancellation).await?)
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

    fn checked(&self, request: &BuildRequest, sources: &Sources) -> CheckReport {
        let ignore = sources.ignore.as_ref().map(|found| &found.matcher);
        check(CheckRequest {
            file: &sources.dockerfile.bytes,
            build_arguments: &request.build_arguments,
            target: request.target.as_deref(),
            ignore: ignore.filter(|found| !found.is_empty()),
            build_platform: &self.settings().platform,
            target_platform: request
                .platforms
                .first()
                .unwrap_or(&self.settings().platform),
        })
    }

    /// The plan, once all base images are known.
    async fn planned(&self, work: &Work<'_>, platform: &Platform) -> Result<Plan, BuildFailure> {
        let request = work.request;
        let contexts: BTreeMap<String, ContextKind> = request
            .named
            .iter()
            .enumerate()
            .map(|(number, (name, context))| {
                let kind = match context {
                    NamedContext::Image(reference) => ContextKind::Image(reference.clone()),
                    NamedContext::Layout { .. } => {
                        layout_name(number).map_or(ContextKind::Files, ContextKind::Image)
                    }
                    _ => ContextKind::Files,
                };
                (name.clone(), kind)
            })
            .collect();
        let file = &work.sources.dockerfile;
        let fails = |error, lines| BuildFailure::at(error, lines, &file.bytes, &file.name);
        let mut bases = Bases::new();
        for _ in 0..MAXIMUM_ROUNDS {
            let planned = plan(PlanRequest {
                file: &file.bytes,
                build_arguments: &request.build_arguments,
                target: request.target.as_deref(),
                labels: &request.labels,
                build_platform: &self.settings().platform,
                target_platform: platform,
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
                let found = match layout_of(&need.reference, request) {
                    Some((folder, image)) => {
                        self.layout_base(&need, folder, image, work.lease, work.events)
                    }
                    None => {
                        self.base_image(&need, request.pull, work.lease, work.events)
                            .await
                    }
                };
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
                NamedContext::Image(_) | NamedContext::Layout { .. } => continue,
                NamedContext::Folder(folder) => {
                    let ignore = ignore_file(folder, None)?;
                    folder_tree(folder, request.modes, ignore)?
                }
                NamedContext::Git(address) => {
                    git_context(address, store, &request.cancellation).await?
                }
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

    /// Does the steps on threads of their own, and gets meanwhile what they want from web servers.
    async fn steps(&self, job: Job) -> Result<BuiltStage, StepsFailure> {
        let limits = &self.settings().limits;
        let cancellation = Arc::clone(&job.cancellation);
        let (asking, mut wishes) = asking(
            &job.store,
            &job.lease,
            &job.caches,
            limits,
            &cancellation,
            job.options.no_cache,
        );
        let work = blocking::run(move || Ok(job.run(&asking)));
        let answers = async {
            // Also of a build that was given up: a wish that nobody takes would be waited for. It is dropped unread then, which tells
            // whoever asks.
            while let Some(wish) = wishes.recv().await {
                let granted = async {
                    self.grant(wish).await;
                    Ok::<(), EngineError>(())
                };
                let _canceled = unless_canceled(&cancellation, granted).await;
            }
            std::future::pending::<()>().await;
        };
        let done = tokio::select! {
            done = work => done,
            () = answers => return Err((canceled(), None)),
        };
        match done {
            Ok(Ok(built)) => Ok(built),
            Ok(Err(error)) if matches!(error.source, StepError::Canceled) => {
                Err((canceled(), None))
            }
            Ok(Err(error)) => Err((failure(ErrorKind::Invalid, error.to_string()), error.lines)),
            Err(error) => Err((error, None)),
        }
    }
}

/// Does `work`, unless the build is given up meanwhile.
async fn unless_canceled<T, E: From<EngineError>>(
    cancellation: &Cancellation,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let _tells = cancellation.when_canceled(move || drop(sender));
    tokio::select! {
        biased;
        _ = receiver => Err(canceled().into()),
        done = work => done,
    }
}

/// `BuildKit`'s words for a build that was given up.
fn canceled() -> EngineError {
    failure(ErrorKind::Unavailable, "Canceled: context canceled")
}

/// A repository as a context, fetched on a thread of its own.
async fn git_context(
    address: &str,
    store: &ImageStore,
    cancellation: &Arc<Cancellation>,
) -> Result<Arc<dyn FileTree>, EngineError> {
    let (address, store) = (address.to_owned(), store.clone());
    let cancellation = Arc::clone(cancellation);
    blocking::run(move || git_tree(&address, false, None, &store, &cancellation)).await
}

/// Why steps could not be done, and where that stands.
type StepsFailure = (EngineError, Option<Lines>);

/// What the thread that does the steps has.
struct Job {
    plan: Plan,
    context: Option<Arc<dyn FileTree>>,
    named: HashMap<String, Arc<dyn FileTree>>,
    options: BuildOptions,
    caches: Arc<ImportedCaches>,
    store: ImageStore,
    lease: Arc<Lease>,
    events: Arc<BuildEvents>,
    cancellation: Arc<Cancellation>,
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
            cancellation: &self.cancellation,
        })
    }
}
