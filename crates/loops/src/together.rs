//! How do many who ask at the same time share one statement?
//!
//! While one is under way, whoever else asks waits; the next answers all of them. So no answer is older than its question.

use std::fmt;
use std::future::Future;

use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;

use crate::{Loops, PATIENCE};

/// Questions that wait at most; who asks more waits for room.
const LONGEST_QUEUE: usize = 1_024;
/// Questions answered at once at most.
const MOST_AT_ONCE: usize = 256;

/// The way to a loop that answers questions. Cheap to clone; the loop ends with the last clone.
pub struct Together<Q, A>(mpsc::Sender<(Q, oneshot::Sender<A>)>);

impl<Q: Send + 'static, A: Send + 'static> Together<Q, A> {
    /// Starts the loop. `answer` has as many answers as it got questions, in their order, or none at all. Must be called inside a tokio runtime.
    pub fn start<W>(loops: &Loops, name: &str, answer: impl Fn(Vec<Q>) -> W + Send + 'static) -> Self
    where
        W: Future<Output = Vec<A>> + Send,
    {
        let (sender, mut asked) = mpsc::channel(LONGEST_QUEUE);
        let answering = loops.spawn(name, PATIENCE, |pulse| async move {
            let mut taken = Vec::with_capacity(MOST_AT_ONCE);
            while pulse.while_waiting(asked.recv_many(&mut taken, MOST_AT_ONCE)).await > 0 {
                // what woke the first has often woken others, who are about to ask
                yield_now().await;
                while taken.len() < MOST_AT_ONCE
                    && let Ok(another) = asked.try_recv()
                {
                    taken.push(another);
                }
                let (questions, replies): (Vec<Q>, Vec<oneshot::Sender<A>>) = taken.drain(..).unzip();
                for (reply, answer) in replies.into_iter().zip(answer(questions).await) {
                    // who went away needs no answer
                    let _ = reply.send(answer);
                }
            }
            pulse.ends();
        });
        answering.go_on();
        Self(sender)
    }

    /// Asks. `None`: nobody answers.
    pub async fn ask(&self, question: Q) -> Option<A> {
        let (reply, answer) = oneshot::channel();
        self.0.send((question, reply)).await.ok()?;
        answer.await.ok()
    }
}

/// The answers to questions that shared one statement: to each what it makes of what was found, or to all of them why nothing was.
pub fn shared<Q, F, A, E: Clone>(questions: Vec<Q>, found: Result<F, E>, mut answer: impl FnMut(&mut F, Q) -> Result<A, E>) -> Vec<Result<A, E>> {
    match found {
        Ok(mut found) => questions.into_iter().map(|question| answer(&mut found, question)).collect(),
        Err(error) => vec![error; questions.len()].into_iter().map(Err).collect(),
    }
}

impl<Q, A> Clone for Together<Q, A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<Q, A> fmt::Debug for Together<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Together(..)")
    }
}
