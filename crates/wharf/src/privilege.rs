//! Who runs us: root of the machine, or somebody with an ordinary user's rights.

/// Whether we are the machine's root.
///
/// Root of a user namespace (`wharf unshare`, a rootless container) can neither make devices nor set `trusted.*`
/// attributes: for the store it is the ordinary user that it is outside.
pub(crate) fn is_machine_root() -> bool {
    rustix::process::geteuid().is_root()
        && std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| is_whole(&map))
}

/// The map of the first namespace: every number is itself.
fn is_whole(map: &str) -> bool {
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn only_the_first_namespace_maps_everybody_to_himself() {
        assert!(is_whole("         0          0 4294967295\n"));
        assert!(!is_whole("         0       1000          1\n"));
        assert!(!is_whole("0 100000 65536\n"));
        assert!(!is_whole(""));
    }
}
