//! A request on its way: owned in one place from its first byte to its answer, so that a caller who
//! leaves in between takes nothing along.

use std::time::Duration;

use http::{Response, StatusCode};
use http_body_util::BodyExt;
use tollgate_kernel::{Error, Kind};

use crate::drain::{Drain, Job, Refused, Unanswered};
use crate::flow::{Flow, MeterPlan};
use crate::forward::Failed;
use crate::hold::Hold;
use crate::pool::UpstreamBody;
use crate::transport::Sending;
use crate::upstream::Patience;

/// The most of an error answer that is read.
const ERROR_BODY: usize = 64 * 1024;

/// How long the body of an error answer may take.
const ERROR_TIME: Duration = Duration::from_secs(5);

/// A request on its way. Dropped, it goes to the drainer.
pub(crate) struct Flight {
    /// Boxed: a flight is moved from step to step.
    cargo: Option<Box<Cargo>>,
    drain: Drain,
}

struct Cargo {
    stage: Stage,
    hold: Hold,
    plan: MeterPlan,
}

/// How far it has come.
enum Stage {
    Waiting(Sending),
    Answered(Response<UpstreamBody>),
    Refused(Box<Refusal>),
}

/// An answer that is an error, and what was heard of it.
pub(crate) struct Refusal {
    pub(crate) parts: http::response::Parts,
    body: UpstreamBody,
    /// Its body, once it was read; nothing of one that is too long, too slow or cut.
    pub(crate) heard: Vec<u8>,
}

impl Refusal {
    pub(crate) fn new(response: Response<UpstreamBody>) -> Self {
        let (parts, body) = response.into_parts();
        Self { parts, body, heard: Vec::new() }
    }

    /// Reads its body. Dropped meanwhile, it can be read on.
    pub(crate) async fn read(&mut self) {
        let is_whole = tokio::time::timeout(ERROR_TIME, self.read_whole()).await;
        if is_whole != Ok(true) {
            self.heard.clear();
        }
    }

    async fn read_whole(&mut self) -> bool {
        while let Some(frame) = self.body.frame().await {
            let Ok(frame) = frame else { return false };
            let Ok(data) = frame.into_data() else { continue };
            if self.heard.len() + data.len() > ERROR_BODY {
                return false;
            }
            self.heard.extend_from_slice(&data);
        }
        true
    }
}

impl Flight {
    /// The request goes out with the first poll of [`Flight::answer`].
    pub(crate) fn start(send: Sending, mut hold: Hold, plan: MeterPlan, drain: Drain) -> Self {
        hold.held.charge.sent();
        let stage = Stage::Waiting(send);
        Self { cargo: Some(Box::new(Cargo { stage, hold, plan })), drain }
    }

    /// Waits for the head of the answer.
    pub(crate) async fn answer(mut self, patience: Patience) -> Result<Self, Failed> {
        let Some(Cargo { stage: Stage::Waiting(send), plan, .. }) = self.cargo.as_deref_mut()
        else {
            return Err(lost());
        };
        let upstream = plan.upstream.clone();
        match tokio::time::timeout(patience.first_byte, &mut *send).await {
            Ok(Ok(response)) => {
                if let Some(cargo) = &mut self.cargo {
                    cargo.stage = Stage::Answered(response);
                }
                Ok(self)
            }
            Ok(Err(error)) => {
                let connected = error.connected;
                let error = error.into_error(&upstream);
                let Some(Cargo { mut hold, plan, .. }) = self.taken() else {
                    return Err(lost());
                };
                if connected {
                    plan.give_up(hold.held, 0);
                    return Err(Failed { error, unspent: None });
                }
                hold.held.charge.fail_attempt();
                Err(Failed { error, unspent: Some(Box::new(hold)) })
            }
            Err(_) => {
                if let Some(Cargo { hold, plan, .. }) = self.taken() {
                    plan.give_up(hold.held, 0);
                }
                let words = format!("The model provider {upstream} did not answer in time.");
                Err(Failed { error: Error::new(Kind::UpstreamTimeout, words), unspent: None })
            }
        }
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self.cargo.as_deref() {
            Some(Cargo { stage: Stage::Answered(response), .. }) => response.status(),
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    /// Waits until the call is durable, and gives out the answer.
    pub(crate) async fn durable(mut self) -> Result<(http::response::Parts, Box<Flow>), Failed> {
        if let Some(cargo) = &self.cargo
            && !cargo.hold.held.charge.is_durable()
        {
            // On an error the flight is dropped and drained: the provider has answered.
            let durable = cargo.hold.held.charge.durable().await;
            durable.map_err(|error| Failed { error, unspent: None })?;
        }
        match self.taken() {
            Some(Cargo { stage: Stage::Answered(response), hold, plan }) => {
                let (parts, body) = response.into_parts();
                Ok((parts, Flow::new(body, hold, plan)))
            }
            _ => Err(lost()),
        }
    }

    /// All of it, for an answer that is an error: its body is read first.
    pub(crate) async fn refused(mut self) -> Result<(Refusal, Hold, MeterPlan), Failed> {
        let Some(Cargo { stage: Stage::Answered(response), hold, plan }) = self.taken() else {
            return Err(lost());
        };
        let stage = Stage::Refused(Box::new(Refusal::new(response)));
        let cargo = self.cargo.insert(Box::new(Cargo { stage, hold, plan }));
        if let Stage::Refused(refusal) = &mut cargo.stage {
            refusal.read().await;
        }
        match self.taken() {
            Some(Cargo { stage: Stage::Refused(refusal), hold, plan }) => {
                Ok((*refusal, hold, plan))
            }
            _ => Err(lost()),
        }
    }

    fn taken(&mut self) -> Option<Cargo> {
        self.cargo.take().map(|cargo| *cargo)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(Cargo { stage, hold, plan }) = self.taken() {
            self.drain.take(match stage {
                Stage::Waiting(send) => Job::Answer(Box::new(Unanswered { send, hold, plan })),
                Stage::Answered(response) => Job::Body(Flow::of_answer(response, hold, plan)),
                Stage::Refused(refusal) => Job::Refused(Box::new(Refused { refusal, hold, plan })),
            });
        }
    }
}

fn lost() -> Failed {
    Failed { error: Error::internal("a flight lost its cargo"), unspent: None }
}
