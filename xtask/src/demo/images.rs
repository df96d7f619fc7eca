//! The images of the demo, made by other tools from what is on this machine, and put into the registry.

use anyhow::{Context as _, Result};

use super::stage::Stage;
use crate::packages::{find, is_root};
use crate::process::say;

/// An OCI image of two layers with `BusyBox` in it, made by umoci and pushed by skopeo.
const BY_UMOCI: &str = r#"
umoci="umoci"; user=""; [ "$(id -u)" = 0 ] || user="--rootless"
$umoci init --layout oci
$umoci new --image oci:1.0
$umoci unpack $user --image oci:1.0 bundle >/dev/null
mkdir -p bundle/rootfs/bin bundle/rootfs/etc bundle/rootfs/tmp
chmod 1777 bundle/rootfs/tmp
cp "$BUSYBOX" bundle/rootfs/bin/busybox
for applet in sh ls cat uname wc; do ln -s busybox bundle/rootfs/bin/$applet; done
$umoci repack --refresh-bundle --history.created_by "COPY busybox /bin" --image oci:1.0 bundle >/dev/null
echo "moored at the wharf" > bundle/rootfs/etc/motd
$umoci repack --history.created_by "RUN echo moored > /etc/motd" --image oci:1.0 bundle >/dev/null
$umoci config --image oci:1.0 --config.cmd /bin/sh --config.env PATH=/bin --config.label org.opencontainers.image.title=busybox
chmod -R u+rwX bundle && rm -r bundle
skopeo --insecure-policy copy --quiet --dest-tls-verify=false oci:oci:1.0 docker://$REGISTRY/harbour/busybox:1.0
"#;

/// An image in Docker's own format, made and pushed by buildah on top of the one above.
const BY_BUILDAH: &str = r#"
buildah="buildah --root $STAGE/buildah --runroot $STAGE/run/buildah --storage-driver vfs"
container=$($buildah from --quiet --tls-verify=false $REGISTRY/harbour/busybox:1.0)
seq 1 20000 > index.html
$buildah copy --quiet $container index.html /srv/index.html >/dev/null
$buildah config --cmd '["/bin/wc", "-l", "/srv/index.html"]' --port 8080 --label kind=site $container
$buildah commit --quiet --format docker $container $REGISTRY/harbour/site:1.0 >/dev/null
$buildah push --quiet --tls-verify=false $REGISTRY/harbour/site:1.0
$buildah rm --all >/dev/null && $buildah rmi --all --force >/dev/null
rm index.html
"#;

/// Fills the registry at `address`, and says with what.
pub(crate) fn push_images(stage: &Stage, address: &str) -> Result<()> {
    let busybox = find("busybox").context("busybox is gone")?;
    let variables = format!(
        "REGISTRY={address}\nSTAGE={}\nBUSYBOX={}\n",
        stage.folder().display(),
        busybox.display()
    );
    stage
        .run_quietly(&format!("{variables}{BY_UMOCI}"))
        .context("making an image with umoci and skopeo")?;
    say(&format!(
        "umoci made, and skopeo pushed, {address}/harbour/busybox:1.0 (OCI, two layers)"
    ));
    if find("buildah").is_some() && is_root() {
        stage
            .run_quietly(&format!("{variables}{BY_BUILDAH}"))
            .context("making an image with buildah")?;
        say(&format!(
            "buildah made and pushed {address}/harbour/site:1.0 (Docker's format, on top of the first)"
        ));
    } else {
        let copy = format!(
            "skopeo --insecure-policy copy --quiet --format v2s2 --src-tls-verify=false --dest-tls-verify=false \
             docker://{address}/harbour/busybox:1.0 docker://{address}/harbour/site:1.0"
        );
        stage
            .run_quietly(&copy)
            .context("converting an image with skopeo")?;
        say(&format!(
            "skopeo pushed {address}/harbour/site:1.0 (Docker's format; buildah is missing, or you are not root)"
        ));
    }
    Ok(())
}
