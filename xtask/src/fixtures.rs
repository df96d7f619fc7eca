//! `cargo xtask fixtures`: root file systems to try things on, made without any registry.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::packages::{Program, is_root, provide};
use crate::process::{run as run_command, say, target_folder};

const BUSYBOX: Program = Program {
    name: "busybox",
    package: "busybox-static",
};
const DEBOOTSTRAP: Program = Program {
    name: "debootstrap",
    package: "debootstrap",
};

/// What `cargo xtask fixtures` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct FixturesArguments {
    /// Which to make; all when none is named
    #[arg(value_name = "NAME")]
    names: Vec<Fixture>,
}

/// A root file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Fixture {
    /// Debian's static `BusyBox` with all its names
    Busybox,
    /// The smallest Debian of this machine's suite, by debootstrap
    Debian,
    /// `BusyBox` with a database of apk
    AlpineLike,
    /// Packages recorded as distroless images record them, certificates, and no shell
    DistrolessLike,
    /// Nothing
    Scratch,
}

const ALL: [Fixture; 5] = [
    Fixture::Scratch,
    Fixture::Busybox,
    Fixture::AlpineLike,
    Fixture::DistrolessLike,
    Fixture::Debian,
];

/// In the folder that becomes the root. `busybox` gives its names itself, and lacks none of its own machine's.
const BUSYBOX_SCRIPT: &str = r#"
mkdir -p bin dev etc home proc root sys tmp usr/bin usr/sbin sbin var
chmod 1777 tmp
chmod 700 root
cp "$(command -v busybox)" bin/busybox
for applet in $(bin/busybox --list); do [ "$applet" = busybox ] || ln -s busybox "bin/$applet"; done
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n' > etc/passwd
printf 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n' > etc/group
"#;

/// Upon the one before. The fields are those of Alpine's wiki, "Apk spec".
const ALPINE_SCRIPT: &str = r#"
mkdir -p etc/apk lib/apk/db
echo 3.20.0 > etc/alpine-release
printf 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.0\nPRETTY_NAME="Alpine Linux v3.20"\n' > etc/os-release
echo x86_64 > etc/apk/arch
printf 'busybox\nmusl\n' > etc/apk/world
package() {
    printf 'C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:%s\nV:%s\nA:x86_64\nS:1000\nI:2000\nT:%s\nU:https://alpine.example/%s\nL:%s\no:%s\nF:%s\nR:%s\n\n' "$@"
}
{
    package musl 1.2.5-r0 'the C library' musl MIT musl lib ld-musl-x86_64.so.1
    package busybox 1.36.1-r28 'many programs in one' busybox GPL-2.0-only busybox bin busybox
} > lib/apk/db/installed
"#;

/// What this machine knows of three of its packages.
const DISTROLESS_SCRIPT: &str = r#"
mkdir -p etc/ssl/certs home/nonroot root tmp var/lib/dpkg/status.d
chmod 1777 tmp
chmod 700 root home/nonroot
chown 65532:65532 home/nonroot
printf 'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' > etc/passwd
printf 'root:x:0:\nnogroup:x:65534:\nnonroot:x:65532:\n' > etc/group
cp /etc/os-release etc/os-release
for package in base-files netbase libc6; do
    if dpkg-query --status "$package" >/dev/null 2>&1; then dpkg-query --status "$package" > "var/lib/dpkg/status.d/$package"; fi
done
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/; fi
"#;

/// From where this machine has its own packages.
const DEBIAN_SCRIPT: &str = r#"
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get indextargets --format '$(REPO_URI)|$(RELEASE)' | sort --unique | sed --quiet "s/|$suite\$//p" | head --lines 1)
debootstrap --variant=minbase "$suite" . ${mirror:+"$mirror"} >../debootstrap.log 2>&1
rm -rf var/cache/apt/* var/lib/apt/lists/* var/log/* etc/machine-id etc/hostname etc/resolv.conf
"#;

/// Names in their order, nobody's times: the same files give the same archive.
const PACK: &str = r#"tar --create --file "$1.partial" --sort=name --mtime=@0 --numeric-owner --xattrs --exclude=./dev/* . && mv "$1.partial" "$1""#;

impl Fixture {
    fn word(self) -> &'static str {
        match self {
            Self::Busybox => "busybox",
            Self::Debian => "debian",
            Self::AlpineLike => "alpine-like",
            Self::DistrolessLike => "distroless-like",
            Self::Scratch => "scratch",
        }
    }

    /// What fills the root, one after the other.
    fn scripts(self) -> &'static [&'static str] {
        match self {
            Self::Busybox => &[BUSYBOX_SCRIPT],
            Self::Debian => &[DEBIAN_SCRIPT],
            Self::AlpineLike => &[BUSYBOX_SCRIPT, ALPINE_SCRIPT],
            Self::DistrolessLike => &[DISTROLESS_SCRIPT],
            Self::Scratch => &[],
        }
    }
}

/// Makes the archives in the target folder.
pub(crate) fn run(arguments: &FixturesArguments) -> Result<()> {
    let chosen = match arguments.names.as_slice() {
        [] => &ALL[..],
        names => names,
    };
    let mut needed = vec![BUSYBOX];
    if chosen.contains(&Fixture::Debian) {
        needed.push(DEBOOTSTRAP);
    }
    provide(&needed, &[], true)?;
    let folder = target_folder()?.join("fixtures");
    for fixture in chosen {
        if !is_root() && matches!(fixture, Fixture::Debian | Fixture::DistrolessLike) {
            say(&format!("skipped: {} needs root", fixture.word()));
            continue;
        }
        make(*fixture, &folder).with_context(|| format!("making {}", fixture.word()))?;
    }
    Ok(())
}

fn make(fixture: Fixture, folder: &Path) -> Result<()> {
    let name = fixture.word();
    let root = folder.join(name).join("root");
    // What an interrupted run left.
    if root.exists() {
        std::fs::remove_dir_all(&root)?;
    }
    std::fs::create_dir_all(&root)?;
    for script in fixture.scripts() {
        run_command(shell(script).current_dir(&root))?;
    }
    let archive = folder.join(format!("{name}.tar"));
    run_command(shell(PACK).arg("pack").arg(&archive).current_dir(&root))?;
    std::fs::remove_dir_all(folder.join(name))?;
    say(&format!(
        "made {0}: wharf import {0} {name}",
        archive.display()
    ));
    Ok(())
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-euc", script]);
    command
}
