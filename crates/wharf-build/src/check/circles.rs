//! Stages that wait for each other.

/// The first stage from which a chain of `--from` comes back to a stage of the chain. `sources` has for each stage those that it
/// takes files from.
pub(super) fn circular_stage(sources: &[Vec<usize>]) -> Option<usize> {
    let mut done = vec![false; sources.len()];
    for start in 0..sources.len() {
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((stage, next)) = path.last_mut() {
            let stage = *stage;
            if *next == 0 && done.get(stage) == Some(&true) {
                path.pop();
                continue;
            }
            let source = sources.get(stage).and_then(|sources| sources.get(*next));
            *next += 1;
            match source {
                Some(source) if path.iter().any(|(before, _)| before == source) => {
                    return Some(start);
                }
                Some(source) => path.push((*source, 0)),
                None => {
                    path.pop();
                    if let Some(done) = done.get_mut(stage) {
                        *done = true;
                    }
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found() {
        assert_eq!(circular_stage(&[vec![], vec![0], vec![0, 1]]), None);
        assert_eq!(circular_stage(&[vec![0]]), Some(0));
        assert_eq!(
            circular_stage(&[vec![], vec![2], vec![3], vec![1]]),
            Some(1)
        );
        assert_eq!(circular_stage(&[vec![1], vec![2], vec![1]]), Some(0));
    }
}
