//! Readers who stop reading: a connection on which what is sent doesn't go on is ended.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How fast what is sent must be taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// In each span of this length ...
    pub span: Duration,
    /// ... so many bytes, while more wait.
    pub least: u64,
}

/// A stream whose other end must keep reading.
pub(crate) struct Paced<S> {
    inner: S,
    pace: Pace,
    /// Runs from when bytes had to wait until none do.
    clock: Option<Pin<Box<Sleep>>>,
    moved: u64,
}

impl<S> Paced<S> {
    pub fn new(inner: S, pace: Pace) -> Self {
        Self {
            inner,
            pace,
            clock: None,
            moved: 0,
        }
    }

    /// Bytes have to wait.
    fn waits(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let span = self.pace.span;
        if self.clock.is_none() {
            self.moved = 0;
        }
        let clock = (self.clock).get_or_insert_with(|| Box::pin(tokio::time::sleep(span)));
        while clock.as_mut().poll(cx).is_ready() {
            if self.moved < self.pace.least {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.moved = 0;
            clock.as_mut().reset(Instant::now() + span);
        }
        Ok(())
    }

    fn watched(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                self.moved += bytes as u64;
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
            Poll::Pending => match self.waits(cx) {
                Ok(()) => Poll::Pending,
                Err(e) => Poll::Ready(Err(e)),
            },
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watched(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.watched(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                self.clock = None;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
            Poll::Pending => match self.waits(cx) {
                Ok(()) => Poll::Pending,
                Err(e) => Poll::Ready(Err(e)),
            },
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_shutdown(cx) {
            Poll::Pending => match self.waits(cx) {
                Ok(()) => Poll::Pending,
                Err(e) => Poll::Ready(Err(e)),
            },
            ready => ready,
        }
    }
}
