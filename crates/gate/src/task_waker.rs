//! A waker that can be mute.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Wake, Waker};

use futures_util::task::AtomicWaker;

const AWAKE: u8 = 0;
const MUTE: u8 = 1;
/// Mute, and called meanwhile.
const CALLED: u8 = 2;

/// Wakes the task that uses a connection, but while it is mute.
#[derive(Default)]
pub(crate) struct TaskWaker {
    state: AtomicU8,
    task: AtomicWaker,
}

impl TaskWaker {
    /// From now on it wakes `task`. What called before is forgotten: whoever says this looks now.
    pub(crate) fn is_for(&self, task: &Waker) {
        self.task.register(task);
        self.state.store(AWAKE, Ordering::SeqCst);
    }

    /// From now on nobody is woken.
    pub(crate) fn mute(&self) {
        self.state.store(MUTE, Ordering::SeqCst);
    }

    /// It wakes again, and at once if it was called meanwhile.
    pub(crate) fn unmute(&self) {
        if self.state.swap(AWAKE, Ordering::SeqCst) == CALLED {
            self.task.wake();
        }
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let found = self.state.compare_exchange(MUTE, CALLED, Ordering::SeqCst, Ordering::SeqCst);
        if found == Err(AWAKE) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::task::{ArcWake, waker};
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl ArcWake for Count {
        fn wake_by_ref(this: &Arc<Self>) {
            this.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn what_calls_while_it_is_mute_is_heard_after() {
        let (task_waker, count) = (Arc::<TaskWaker>::default(), Arc::<Count>::default());
        let (given, task) = (Waker::from(task_waker.clone()), waker(count.clone()));
        let woken = || count.0.load(Ordering::SeqCst);
        task_waker.is_for(&task);
        given.wake_by_ref();
        assert_eq!(woken(), 1);
        task_waker.is_for(&task);
        task_waker.mute();
        given.wake_by_ref();
        given.wake_by_ref();
        assert_eq!(woken(), 1);
        task_waker.unmute();
        assert_eq!(woken(), 2);
        // Not called: nobody is woken; and who looks again forgets what called.
        task_waker.is_for(&task);
        task_waker.mute();
        task_waker.unmute();
        task_waker.mute();
        given.wake_by_ref();
        task_waker.is_for(&task);
        task_waker.unmute();
        assert_eq!(woken(), 2);
    }
}
