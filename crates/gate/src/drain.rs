//! The drainer: a caller who hangs up does not stop the accounting.
//!
//! It reads on until the upstream has reported its usage, within bounds of time, tokens and number;
//! then it closes the connection, and the entry is an estimate.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::flight::Refusal;
use crate::flow::{Flow, MeterPlan};
use crate::hold::Hold;
use crate::transport::Sending;

/// How far the drainer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainBounds {
    /// How long it reads on.
    pub time: Duration,
    /// How many more tokens it lets the upstream write.
    pub tokens: u32,
    /// How many answers it reads at the same time; more are closed at once.
    pub answers: u32,
}

impl Default for DrainBounds {
    fn default() -> Self {
        Self { time: Duration::from_secs(10), tokens: 1_000, answers: 1_024 }
    }
}

/// Something to read on.
pub(crate) enum Job {
    /// A request whose answer is still to come.
    Answer(Box<Unanswered>),
    /// An answer that is an error, half read.
    Refused(Box<Refused>),
    /// An answer in flow.
    Body(Box<Flow>),
}

/// A request on its way whose answer nobody waits for.
pub(crate) struct Unanswered {
    /// The request on its way.
    pub(crate) send: Sending,
    /// Its hold.
    pub(crate) hold: Hold,
    /// How it is metered.
    pub(crate) plan: MeterPlan,
}

/// An error answer that nobody waits for.
pub(crate) struct Refused {
    /// What was heard of it.
    pub(crate) refusal: Box<Refusal>,
    /// Its hold.
    pub(crate) hold: Hold,
    /// How it is metered.
    pub(crate) plan: MeterPlan,
}

/// Where jobs are left.
#[derive(Clone)]
pub(crate) struct Drain {
    jobs: UnboundedSender<Job>,
    running: Arc<AtomicU64>,
}

/// What works on them.
pub(crate) struct Drainer {
    jobs: UnboundedReceiver<Job>,
    bounds: DrainBounds,
    running: Arc<AtomicU64>,
}

/// The two ends. The channel has no bound of its own: jobs come from `Drop`, which cannot wait, and
/// the limits on concurrent calls bound them.
pub(crate) fn drain(bounds: DrainBounds) -> (Drain, Drainer) {
    let (send, jobs) = unbounded_channel();
    let running = Arc::<AtomicU64>::default();
    (Drain { jobs: send, running: running.clone() }, Drainer { jobs, bounds, running })
}

impl Drain {
    /// Leaves a job. After the end of the drainer it is dropped, and its hold is charged in full.
    pub(crate) fn take(&self, job: Job) {
        drop(self.jobs.send(job));
    }

    /// How many answers are read on.
    pub(crate) fn running(&self) -> u64 {
        self.running.load(Ordering::Relaxed)
    }
}

impl Drainer {
    /// Works until every [`Drain`] is gone or `finish` says so, and all jobs that were left by then
    /// are done: none of them takes longer than the bounds say.
    pub(crate) async fn run(mut self, finish: impl Future<Output = ()>) {
        let most = usize::try_from(self.bounds.answers).unwrap_or(usize::MAX);
        let mut running = FuturesUnordered::new();
        let mut finish = std::pin::pin!(finish.fuse());
        let mut open = true;
        while open || !running.is_empty() {
            tokio::select! {
                () = &mut finish => self.jobs.close(),
                job = self.jobs.recv(), if open => match job {
                    Some(job) if running.len() < most => {
                        running.push(read_on(job, self.bounds));
                    }
                    Some(job) => close(job),
                    None => open = false,
                },
                Some(()) = running.next(), if !running.is_empty() => {}
            }
            self.running.store(running.len() as u64, Ordering::Relaxed);
        }
    }
}

async fn read_on(job: Job, bounds: DrainBounds) {
    let deadline = tokio::time::Instant::now() + bounds.time;
    let mut flow = match job {
        Job::Body(flow) => flow,
        Job::Refused(job) => return refused(*job, deadline).await,
        Job::Answer(job) => {
            let Unanswered { mut send, hold, plan } = *job;
            match tokio::time::timeout_at(deadline, &mut send).await {
                Ok(Ok(response)) if response.status().is_success() => {
                    Flow::of_answer(response, hold, plan)
                }
                Ok(Ok(response)) => {
                    let refusal = Box::new(Refusal::new(response));
                    return refused(Refused { refusal, hold, plan }, deadline).await;
                }
                Ok(Err(error)) if !error.connected => return drop(plan.refused(hold, &[])),
                // Sent, and no answer: it may have been spent.
                Ok(Err(_)) | Err(_) => return plan.give_up(hold.held, 0),
            }
        }
    };
    let last_frame = flow.frames().saturating_add(bounds.tokens.into());
    let whole = async {
        while !flow.is_over() && flow.frames() <= last_frame {
            match poll_fn(|context| flow.poll_next(context)).await {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            }
        }
    };
    let _ = tokio::time::timeout_at(deadline, whole).await;
    flow.give_up();
}

/// The upstream refused the call: what was used, if anything, is in its error.
async fn refused(mut job: Refused, deadline: tokio::time::Instant) {
    let _ = tokio::time::timeout_at(deadline, job.refusal.read()).await;
    drop(job.plan.refused(job.hold, &job.refusal.heard));
}

/// Too many at once: closed unread.
fn close(job: Job) {
    match job {
        Job::Answer(job) => job.plan.give_up(job.hold.held, 0),
        Job::Refused(job) => drop(job.plan.refused(job.hold, &job.refusal.heard)),
        Job::Body(mut flow) => flow.give_up(),
    }
}
