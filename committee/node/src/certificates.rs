//! What the engine's archive can prove to others: finalization certificates, and the headers that
//! lead from a height to the first one with a certificate of its own.
//!
//! Certificates aren't unique and a height may lack one, so nothing of them goes into state.

use std::sync::Arc;

use bytes::Bytes;
use commonware_codec::Encode as _;
use commonware_consensus::{
    marshal::{core::Mailbox, standard::Standard},
    types::Height,
};
use tacit_protocol::certificate::CertifiedHeader;

use crate::{block::LogBlock, engine::Scheme, limits::MAX_CERTIFICATE_WALK};

/// Reads the archive of finalized blocks. Cheap to clone.
#[derive(Clone)]
pub struct Archive {
    marshal: Mailbox<Scheme, Standard<LogBlock>>,
}

impl Archive {
    pub(crate) fn new(marshal: Mailbox<Scheme, Standard<LogBlock>>) -> Self {
        Self { marshal }
    }

    /// The finalized block at a height, if this node has it.
    pub async fn block(&self, height: u64) -> Option<Arc<LogBlock>> {
        let block = self.marshal.get_block(Height::new(height)).await?;
        Some(block.inner_shared())
    }

    /// The certificate of exactly this height, if there is one. Its encoding is described in
    /// [`tacit_protocol::certificate`].
    pub async fn certificate(&self, height: u64) -> Option<Bytes> {
        let finalization = self.marshal.get_finalization(Height::new(height)).await?;
        Some(finalization.encode())
    }

    /// The header at `height` with what proves it: the headers up to the first one that has a
    /// certificate, and that certificate. `None` if this node doesn't have it (yet).
    pub async fn certified(&self, height: u64) -> Option<CertifiedHeader> {
        let mut headers = Vec::new();
        for height in (height..).take(MAX_CERTIFICATE_WALK) {
            headers.push(self.block(height).await?.header().clone());
            if let Some(certificate) = self.certificate(height).await {
                return Some(CertifiedHeader {
                    headers,
                    certificate: certificate.to_vec(),
                });
            }
        }
        None
    }
}
