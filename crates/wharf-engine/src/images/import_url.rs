//! `import URL`: an archive that a web server has.

use std::io::Write as _;

use wharf_oci::ImageId;
use wharf_transfer::{EventSink, TransferEvent};

use crate::engine::Engine;
use crate::error::{EngineError, classify};

use super::import::ImportRequest;

impl Engine {
    /// Downloads the archive at `url` and makes an image of it. It is on disk before it is read, since the one is done
    /// beside sockets and the other is not; a file without a name, which is gone when this ends.
    pub async fn import_url(
        &self,
        request: &ImportRequest,
        url: &str,
        events: &EventSink,
    ) -> Result<ImageId, EngineError> {
        let mut download = self.client()?.download(url).await.map_err(classify)?;
        let asked = download.asked().to_owned();
        events(TransferEvent::Status(format!("Downloading from {asked}")));
        let mut scratch = self.store()?.blobs().scratch().map_err(classify)?;
        while let Some(chunk) = download.next_chunk().await.map_err(classify)? {
            scratch.write_all(&chunk).map_err(classify)?;
        }
        let mut archive = scratch.reopen().map_err(classify)?;
        let mut request = request.clone();
        if request.message.is_empty() {
            request.message = format!("Imported from {asked}");
        }
        self.import(&request, &mut archive, events)
    }
}
