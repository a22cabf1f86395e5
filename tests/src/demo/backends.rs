//! The servers that the pods need: Kafka, and a Kubernetes API if there is an election.

use std::pin::pin;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::Args;
use super::kafka::DemoKafka;
use super::kubernetes::Kubernetes;
use crate::lab;

/// The running servers.
#[derive(Debug)]
pub(super) struct Backends {
    pub(super) kafka: DemoKafka,
    pub(super) kubernetes: Option<Kubernetes>,
}

// === impl Backends ===

impl Backends {
    /// Starts the servers. Returns `None` if `stop` is cancelled first.
    pub(super) async fn start(args: &Args, stop: &CancellationToken) -> Result<Option<Self>> {
        let mut starting = pin!(Self::all(args));
        tokio::select! { biased;
        backends = &mut starting => return backends.map(Some),
        () = stop.cancelled() => {} }
        // After `give_up` the start waits for no server any more, so it ends soon; servers that have started are ended in order.
        lab::give_up();
        if let Ok(backends) = starting.await {
            backends.stop().await?;
        }
        Ok(None)
    }

    async fn all(args: &Args) -> Result<Self> {
        let kubernetes = async {
            if args.alone {
                return Ok(None);
            }
            Kubernetes::start(args).await.map(Some)
        };
        match tokio::join!(DemoKafka::start(args), kubernetes) {
            (Ok(kafka), Ok(kubernetes)) => Ok(Self { kafka, kubernetes }),
            (Ok(kafka), Err(error)) => {
                kafka.stop().await;
                Err(error)
            }
            (Err(error), kubernetes) => {
                if let Ok(Some(kubernetes)) = kubernetes {
                    kubernetes.stop().await?;
                }
                Err(error)
            }
        }
    }

    /// Ends the servers, and waits until they have ended.
    pub(super) async fn stop(self) -> Result<()> {
        let kubernetes = async {
            match self.kubernetes {
                Some(kubernetes) => kubernetes.stop().await,
                None => Ok(()),
            }
        };
        let ((), ended) = tokio::join!(self.kafka.stop(), kubernetes);
        ended
    }
}
