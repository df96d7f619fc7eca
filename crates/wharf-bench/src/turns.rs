//! Tools take turns, so that what disturbs a shared machine disturbs all of them.

use anyhow::Result;

use crate::results::CaseResults;
use crate::terminal::say;
use crate::tools::Tool;

/// Lets each of `tools` have its turn in each round. A tool that fails is reported and left out of the rounds that follow; the
/// others go on.
pub(crate) fn take_turns(
    what: &str,
    rounds: usize,
    mut tools: Vec<Tool>,
    results: &mut CaseResults,
    mut turn: impl FnMut(Tool, &mut CaseResults) -> Result<()>,
) {
    for round in 1..=rounds {
        tools.retain(|tool| {
            say(&format!("{what}: round {round}: {tool}"));
            let outcome = turn(*tool, results);
            if let Err(error) = &outcome {
                let failure = format!("{what}: {tool}: {error:#}");
                say(&format!("  {failure}"));
                results.failures.push(failure);
            }
            outcome.is_ok()
        });
    }
}
