//! A waker that can be mute.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Wake, Waker};

use futures_util::task::AtomicWaker;

const LOUD: u8 = 0;
const MUTE: u8 = 1;
/// Mute, and rung.
const RUNG: u8 = 2;

/// Wakes a task, but while it is mute.
#[derive(Default)]
pub(crate) struct Bell {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Bell {
    /// From now on it wakes `task`. What rang before is forgotten: whoever says this looks now.
    pub(crate) fn is_for(&self, task: &Waker) {
        self.task.register(task);
        self.state.store(LOUD, Ordering::SeqCst);
    }

    /// From now on nobody is woken.
    pub(crate) fn mute(&self) {
        self.state.store(MUTE, Ordering::SeqCst);
    }

    /// It wakes again, and at once if it was rung meanwhile.
    pub(crate) fn unmute(&self) {
        if self.state.swap(LOUD, Ordering::SeqCst) == RUNG {
            self.task.wake();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let rung = self.state.compare_exchange(MUTE, RUNG, Ordering::SeqCst, Ordering::SeqCst);
        if rung == Err(LOUD) {
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
    fn what_rings_while_it_is_mute_is_heard_after() {
        let (bell, count) = (Arc::<Bell>::default(), Arc::<Count>::default());
        let (rope, task) = (Waker::from(bell.clone()), waker(count.clone()));
        let woken = || count.0.load(Ordering::SeqCst);
        bell.is_for(&task);
        rope.wake_by_ref();
        assert_eq!(woken(), 1);
        bell.is_for(&task);
        bell.mute();
        rope.wake_by_ref();
        rope.wake_by_ref();
        assert_eq!(woken(), 1);
        bell.unmute();
        assert_eq!(woken(), 2);
        // Not rung: nobody is woken; and who looks again forgets what rang.
        bell.is_for(&task);
        bell.mute();
        bell.unmute();
        bell.mute();
        rope.wake_by_ref();
        bell.is_for(&task);
        bell.unmute();
        assert_eq!(woken(), 2);
    }
}
