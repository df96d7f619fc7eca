//! `wharf build`: an image from a Dockerfile.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use wharf_build::builder::{BuildOptions, Cancellation};
use wharf_build::check::CheckReport;
use wharf_build::tree::Modes;
use wharf_engine::{BuildFailure, BuildOutcome, BuildRequest, ImageTarget};
use wharf_oci::Platform;

use super::cache_options;
use super::call;
use super::context_argument::{named_context, sources};
use super::display::{Display, Shown};
use super::image_options;
use super::interrupt::until_interrupted;
use super::output_option::Output;
use super::publish::{self, IIDFILE, METADATA_FILE};
use super::run_options::{self, run_settings};
use super::secret_options::secrets;
use crate::arguments::{Command, Files, Flag, Matches, Positionals, Run, Work};
use crate::environment::Environment;
use crate::exit::Failure;
use crate::session::Session;

pub(super) const BUILD_ARG: Flag = Flag::list("build-arg", "Set build-time variables");
const BUILD_CONTEXT: Flag = Flag::list(
    "build-context",
    "Additional build contexts (e.g., name=path)",
);
pub(super) const CHECK: Flag = Flag::switch("check", "Check the Dockerfile instead of building");
const CONTEXT_MODES: Flag = Flag::text(
    "context-modes",
    "Permissions of context files: \"umask\" takes away what a umask left (0664, 0775), \"preserve\" keeps them",
)
.default("umask");
const EXPLAIN: Flag = Flag::switch("explain", "Say of each step why it was done, or was not");
pub(super) const FILE: Flag = Flag::text(
    "file",
    "Name of the Dockerfile (default: \"PATH/Dockerfile\")",
)
.letter('f');
const LABEL: Flag = Flag::list("label", "Set metadata for an image");
const NO_CACHE: Flag = Flag::switch("no-cache", "Do not use cache when building the image");
const NO_CACHE_FILTER: Flag = Flag::comma_list("no-cache-filter", "Do not cache specified stages");
const PLATFORM: Flag = Flag::comma_list("platform", "Set target platform for build");
const PROGRESS: Flag = Flag::text(
    "progress",
    "Set type of progress output (\"auto\", \"none\", \"plain\", \"quiet\", \"rawjson\", \"tty\")",
)
.default("auto");
const PULL: Flag = Flag::switch("pull", "Always attempt to pull all referenced images");
const QUIET: Flag = Flag::switch(
    "quiet",
    "Suppress the build output and print image ID on success",
)
.letter('q');
const SECRET: Flag = Flag::list(
    "secret",
    "Secret to expose to the build (format: \"id=mysecret[,src=/local/secret]\")",
);
const SSH: Flag = Flag::list(
    "ssh",
    "SSH agent socket to expose to the build (format: \"default|<id>[=<socket>]\")",
);
pub(super) const TARGET: Flag = Flag::text("target", "Set the target build stage to build");
const TIMESTAMPS: Flag = Flag::text(
    "timestamps",
    "Times of files and of the image: \"reproducible\", or \"preserve\" those of files and of the clock",
)
.default("reproducible");
const TIMESTAMP: Flag = Flag::text(
    "timestamp",
    "Time of everything new, in seconds since 1970: SOURCE_DATE_EPOCH by another name",
);
const VERIFY: Flag = Flag::switch(
    "verify",
    "Build twice without cache and fail if the results differ",
);
// What Docker's client takes and does nothing with, saying so.
const BUILDER: Flag = Flag::text("builder", "Override the configured builder instance").hidden();
const COMPRESS: Flag = Flag::switch("compress", "Compress the build context using gzip").hidden();
const FORCE_RM: Flag = Flag::switch("force-rm", "Always remove intermediate containers").hidden();
const ISOLATION: Flag = Flag::text("isolation", "Container isolation technology").hidden();
const SECURITY_OPT: Flag = Flag::list("security-opt", "Security options").hidden();
// What only other builders have.
const POLICY: Flag = Flag::list("policy", "Policies for sources").hidden();
const RESOURCE: Flag = Flag::list("resource", "Resources of a builder").hidden();
const RM: Flag = Flag::switch(
    "rm",
    "Remove intermediate containers after a successful build",
)
.default("true")
.hidden();

pub(crate) const COMMAND: Command = Command {
    name: "build",
    spellings: &[
        "wharf image build",
        "wharf build",
        "wharf builder build",
        "wharf buildx build",
    ],
    synopsis: "[OPTIONS] PATH | URL | -",
    summary: "Build an image from a Dockerfile",
    description: "Build an image from a Dockerfile.\n\
                  The same input gives the same image, whatever the times of files are and wherever they lie.",
    flags: &[
        run_options::ADD_HOST,
        run_options::ALLOW,
        image_options::ANNOTATION,
        image_options::ATTEST,
        BUILD_ARG,
        BUILD_CONTEXT,
        BUILDER,
        cache_options::CACHE_FROM,
        cache_options::CACHE_TO,
        call::CALL,
        run_options::CGROUP_PARENT,
        CHECK,
        COMPRESS,
        CONTEXT_MODES,
        run_options::CPU_PERIOD,
        run_options::CPU_QUOTA,
        run_options::CPU_SHARES,
        run_options::CPUSET_CPUS,
        run_options::CPUSET_MEMS,
        run_options::DEBUG_ON_FAIL,
        EXPLAIN,
        FILE,
        FORCE_RM,
        IIDFILE,
        ISOLATION,
        LABEL,
        image_options::LAYERS,
        image_options::LOAD,
        run_options::MEMORY,
        run_options::MEMORY_SWAP,
        METADATA_FILE,
        run_options::NETWORK,
        NO_CACHE,
        NO_CACHE_FILTER,
        image_options::OUTPUT,
        PLATFORM,
        POLICY,
        call::PRINT,
        PROGRESS,
        image_options::PROVENANCE,
        PULL,
        image_options::PUSH,
        QUIET,
        RESOURCE,
        RM,
        SECRET,
        image_options::SBOM,
        SECURITY_OPT,
        run_options::SHM_SIZE,
        image_options::SQUASH,
        image_options::SQUASH_ALL,
        SSH,
        image_options::TAG,
        TARGET,
        TIMESTAMP,
        TIMESTAMPS,
        run_options::ULIMIT,
        VERIFY,
    ],
    positionals: Positionals::AtMost(1),
    run: Run::Networked(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    if asks(matches) {
        return Box::pin(async { call::run(session, matches) });
    }
    Box::pin(build(session, matches))
}

/// Whether something is asked of the Dockerfile instead of building it.
fn asks(matches: &Matches) -> bool {
    matches.is_set(&CHECK) || matches.is_given(&call::PRINT) || matches.text(&call::CALL) != "build"
}

async fn build(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        !matches.argument(0).is_empty(),
        "\"wharf build\" requires 1 argument.\nSee 'wharf build --help'."
    );
    refuse_or_warn(session, matches)?;
    let outputs = image_options::outputs(matches)?;
    let targets = image_options::image_targets(matches, &outputs)?;
    let attests = image_options::attestations(matches)?;
    let exports = |output: &Output| matches!(output, Output::Local { .. } | Output::Tar { .. });
    let has_subject = !targets.is_empty() || outputs.iter().any(exports);
    if !has_subject && (attests.contents || attests.provenance.is_some()) {
        session.printer().error_line(
            "WARNING: --provenance and --sbom have no effect: attestations are about images and exported files, and no output is that",
        );
    }
    let shown = if matches.is_set(&QUIET) {
        Shown::Quiet
    } else {
        let wanted = Environment::build_argument("BUILDKIT_PROGRESS");
        let wanted = wanted.filter(|_| !matches.is_given(&PROGRESS));
        let wanted = wanted.as_deref().unwrap_or(matches.text(&PROGRESS));
        Shown::parse(wanted, session.printer())?
    };
    let has_colors = Environment::build_argument("NO_COLOR").is_none_or(|text| text.is_empty());
    let display = Display::new(session.printer(), shown, has_colors);
    let images: Vec<ImageTarget> = targets.iter().map(|(_, image)| image.clone()).collect();
    let cancellation = Arc::new(Cancellation::default());
    let work = built(session, matches, &outputs, &images, &display, &cancellation);
    let ended = Box::pin(until_interrupted(&cancellation, work)).await;
    display.finish();
    let (outcome, exit_code) = ended?;
    let outcome = outcome.map_err(|error| match exit_code {
        None => error,
        Some(exit_code) => {
            let text = error.to_string();
            anyhow::Error::new(Failure { exit_code, text })
        }
    })?;
    for ((number, _), image) in targets.iter().zip(&outcome.images) {
        if let Some(output) = outputs.get(*number) {
            publish::publish(session, output, image, shown).await?;
        }
    }
    publish::write_files(matches, &outcome, &display.warnings())?;
    if shown == Shown::Quiet {
        session.printer().line(&outcome.image.to_string())?;
    }
    let warnings = warnings(&outcome.report, &display.warnings());
    if matches!(shown, Shown::Plain | Shown::Terminal) && !warnings.is_empty() {
        session.printer().error(&warnings);
    }
    Ok(ExitCode::SUCCESS)
}

/// Says of options that do nothing here why.
fn refuse_or_warn(session: &Session, matches: &Matches) -> anyhow::Result<()> {
    anyhow::ensure!(
        !matches.is_given(&POLICY),
        "--policy is not supported: pin sources by digest (FROM name@sha256:..., ADD --checksum)"
    );
    anyhow::ensure!(
        !matches.is_given(&RESOURCE),
        "--resource is for builders elsewhere: Wharf builds on this machine, see --memory and --cpu-quota"
    );
    for (flag, reason) in [
        (&BUILDER, "there are no builders to choose from"),
        (&COMPRESS, "the context is not sent anywhere"),
        (&FORCE_RM, "nothing of a failed step is kept"),
        (&ISOLATION, "steps are always isolated by namespaces"),
        (
            &SECURITY_OPT,
            "use --allow security.insecure with RUN --security=insecure",
        ),
    ] {
        if matches.is_given(flag) {
            let text = format!("WARNING: --{} has no effect: {reason}", flag.name);
            session.printer().error_line(&text);
        }
    }
    Ok(())
}

/// Builds; once, or twice to compare.
async fn built(
    session: &Session,
    matches: &Matches,
    outputs: &[Output],
    images: &[ImageTarget],
    display: &Arc<Display>,
    cancellation: &Arc<Cancellation>,
) -> anyhow::Result<BuildOutcome> {
    let engine = session.engine();
    let mut request = request(session, matches, outputs, images, cancellation)?;
    request.run.debug = run_options::debug_terminal(matches, display, session.printer())?;
    let failed = |failure: BuildFailure| failed(session, display, &failure);
    let outcome = Box::pin(engine.build(request, &display.sink()))
        .await
        .map_err(failed)?;
    if matches.is_set(&VERIFY) {
        anyhow::ensure!(
            matches.argument(0) != "-" && matches.some_text(&FILE) != Some("-"),
            "--verify reads everything twice: stdin cannot be read again"
        );
        let mut again = self::request(session, matches, &[Output::CacheOnly], &[], cancellation)?;
        again.options.no_cache = true;
        let second = Box::pin(engine.build(again, &display.sink()))
            .await
            .map_err(failed)?;
        anyhow::ensure!(
            outcome.image == second.image,
            "ERROR: the build is not reproducible: {} and {} differ{}",
            outcome.image,
            second.image,
            differences(session, &outcome, &second)
        );
    }
    Ok(outcome)
}

/// What differs between two results, as far as it can be told.
fn differences(session: &Session, one: &BuildOutcome, other: &BuildOutcome) -> String {
    let mut layers = one.diff_ids.iter().zip(&other.diff_ids).enumerate();
    let Some((position, (first, second))) = layers.find(|(_, (one, other))| one != other) else {
        return String::new();
    };
    let mut text = format!(", first in layer {}", position + 1);
    match session.engine().layer_differences(*first, *second) {
        Ok(found) => text.extend(found.iter().map(|line| format!("\n  {line}"))),
        Err(error) => text = format!("{text}, which cannot be compared: {error}"),
    }
    text
}

fn failed(session: &Session, display: &Display, failure: &BuildFailure) -> anyhow::Error {
    display.finish();
    let printer = session.printer();
    printer.error(&display.failed_step().unwrap_or_default());
    printer.error(failure.excerpt.as_deref().unwrap_or_default());
    anyhow::anyhow!("ERROR: failed to build: failed to solve: {failure}")
}

fn request(
    session: &Session,
    matches: &Matches,
    outputs: &[Output],
    images: &[ImageTarget],
    cancellation: &Arc<Cancellation>,
) -> anyhow::Result<BuildRequest> {
    let (context, dockerfile) = sources(matches.argument(0), matches.some_text(&FILE))?;
    let named: anyhow::Result<BTreeMap<_, _>> = matches
        .list(&BUILD_CONTEXT)
        .iter()
        .map(|text| named_context(text))
        .collect();
    let mut build_arguments = build_arguments(matches.list(&BUILD_ARG));
    let epoch = matches.some_text(&TIMESTAMP).map(str::to_owned);
    if let Some(epoch) = epoch.or_else(|| Environment::build_argument("SOURCE_DATE_EPOCH")) {
        build_arguments
            .entry("SOURCE_DATE_EPOCH".to_owned())
            .or_insert(epoch);
    }
    let labels = matches.list(&LABEL).iter().map(|label| {
        let (name, value) = label.split_once('=').unwrap_or((label, ""));
        (name.to_owned(), value.to_owned())
    });
    let threads = std::thread::available_parallelism();
    let verifies = matches.is_set(&VERIFY);
    let secrets = secrets(
        matches.list(&SECRET),
        matches.list(&SSH),
        &Environment::build_argument,
    )
    .map_err(|error| anyhow::anyhow!("ERROR: {error:#}"))?;
    let engine = session.engine();
    Ok(BuildRequest {
        context,
        dockerfile,
        named: named?,
        build_arguments,
        target: matches.some_text(&TARGET).map(str::to_owned),
        labels: labels.collect(),
        platforms: platforms(session, matches)?,
        pull: matches.is_set(&PULL),
        images: images.to_vec(),
        attestations: image_options::attestations(matches)?,
        cache_from: cache_options::sources(matches)?,
        cache_to: cache_options::targets(matches)?,
        squash: image_options::squash(matches),
        files: publish::files(session, outputs)?,
        run: run_settings(session, matches)?,
        modes: match matches.text(&CONTEXT_MODES) {
            "umask" => Modes::WithoutMask,
            "preserve" => Modes::Preserved,
            other => anyhow::bail!(
                "invalid value {other:?} for --context-modes: expected umask or preserve"
            ),
        },
        secrets,
        cancellation: Arc::clone(cancellation),
        options: BuildOptions {
            no_cache: matches.is_set(&NO_CACHE)
                || !matches.is_set(&image_options::LAYERS)
                || verifies,
            no_cache_stages: matches.list(&NO_CACHE_FILTER).to_vec(),
            preserve_times: match matches.text(&TIMESTAMPS) {
                "reproducible" => false,
                "preserve" => true,
                other => anyhow::bail!(
                    "invalid value {other:?} for --timestamps: expected reproducible or preserve"
                ),
            },
            threads: threads.map_or(1, std::num::NonZero::get),
            limits: engine.settings().limits.clone(),
            explain: matches.is_set(&EXPLAIN),
        },
    })
}

/// `NAME=VALUE`, or `NAME` with the value of the environment. A name that is not set there is not given.
pub(super) fn build_arguments(given: &[String]) -> BTreeMap<String, String> {
    given
        .iter()
        .filter_map(|argument| match argument.split_once('=') {
            Some((name, value)) => Some((name.to_owned(), value.to_owned())),
            None => Some((argument.clone(), Environment::build_argument(argument)?)),
        })
        .collect()
}

/// The platforms to build for, each once.
pub(super) fn platforms(session: &Session, matches: &Matches) -> anyhow::Result<Vec<Platform>> {
    let mut texts = matches.list(&PLATFORM).to_vec();
    if texts.is_empty() {
        texts.extend(session.environment().docker_default_platform.clone());
    }
    let mut platforms: Vec<Platform> = Vec::new();
    for text in texts.iter().flat_map(|text| text.split(',')) {
        if let Some(platform) = session.platform(Some(text.trim()))?
            && !platforms.contains(&platform)
        {
            platforms.push(platform);
        }
    }
    Ok(platforms)
}

/// What the build checks say, as Docker shows it below a build.
fn warnings(report: &CheckReport, others: &[String]) -> String {
    let findings = report.findings.iter().map(|finding| {
        let (rule, line) = (finding.rule.name(), finding.lines.first);
        format!(" - {rule}: {} (line {line})\n", finding.detail)
    });
    let others = others.iter().map(|text| format!(" - {text}\n"));
    let lines: Vec<String> = findings.chain(others).collect();
    match lines.len() {
        0 => String::new(),
        1 => format!("\n 1 warning found:\n{}", lines.concat()),
        count => format!("\n {count} warnings found:\n{}", lines.concat()),
    }
}
