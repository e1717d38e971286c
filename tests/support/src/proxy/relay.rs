//! One connection's way through the proxy.

use std::future::pending;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::frames::{Frames, Piece, Protocol, Stage};
use super::{At, Direction, Flow, Harm, Shared};

/// Takes connections until it is dropped, and they with it.
pub(super) async fn listen(listener: TcpListener, server: String, protocol: Protocol, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        shared.state().connections += 1;
        // What comes next concerns this connection, too, even before it has reached the server.
        let flow = shared.flow.subscribe();
        let now = flow.borrow().clone();
        connections.spawn(connect(client, server.clone(), protocol, Arc::clone(&shared), flow, now));
        while connections.try_join_next().is_some() {}
    }
}

async fn connect(
    client: TcpStream,
    server: String,
    protocol: Protocol,
    shared: Arc<Shared>,
    flow: watch::Receiver<Flow>,
    now: Flow,
) {
    let mut cuts = flow.clone();
    let pass = async {
        if now.swallows {
            return swallow(client.into_split().0, 0, &shared).await;
        }
        let server = TcpStream::connect(server).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let stage = Stage::default();
        let line = |direction, from, to| Line {
            frames: Frames::new(protocol, direction, stage.clone()),
            direction,
            from,
            to,
            shared: &shared,
            flow: flow.clone(),
            armed: 0,
        };
        let up = line(Direction::ToServer, from_client, to_server);
        let down = line(Direction::ToClient, from_server, to_client);
        tokio::try_join!(up.carry(), down.carry()).map(drop)
    };
    // However it ends, both sides are told by their sockets' being closed.
    tokio::select! {
        _ = pass => {}
        _ = cuts.wait_for(|flow| flow.cuts > now.cuts) => {}
    }
}

/// Reads until the end and beyond, and gives nothing of it to anybody.
async fn swallow(mut from: OwnedReadHalf, mut had: usize, shared: &Shared) -> io::Result<()> {
    let mut lost = [0; 4096];
    loop {
        shared.state().lost += u64::try_from(had).unwrap_or(u64::MAX);
        had = from.read(&mut lost).await?;
        if had == 0 {
            return pending().await;
        }
    }
}

/// One direction of a connection.
struct Line<'s> {
    frames: Frames,
    direction: Direction,
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    shared: &'s Shared,
    flow: watch::Receiver<Flow>,
    /// How many faults had been armed when the message that is passing began.
    armed: u64,
}

impl Line<'_> {
    async fn carry(mut self) -> io::Result<()> {
        let mut buffer = Vec::with_capacity(32 << 10);
        loop {
            let old = buffer.len();
            let read = self.from.read_buf(&mut buffer).await?;
            if let Some(tamper) = &mut self.shared.state().tamper {
                let mut new = buffer.split_off(old);
                (tamper.0)(self.direction, &mut new);
                buffer.append(&mut new);
            }
            if !self.open().await {
                return swallow(self.from, buffer.len(), self.shared).await;
            }
            if read == 0 {
                // Half a header, which is nobody's message.
                self.to.write_all(&buffer).await?;
                return self.to.shutdown().await;
            }
            let (mut judged, mut sent) = (0, 0);
            while let Some(piece) = self.frames.next(&buffer[judged..]) {
                if let Some((free, harm)) = self.judge(piece) {
                    self.deliver(&buffer[sent..judged + free]).await?;
                    sent = judged + free;
                    self.suffer(harm).await?;
                    if !self.open().await {
                        return swallow(self.from, buffer.len() - sent, self.shared).await;
                    }
                    self.shared.state().lanes[self.direction.index()].pass(piece.len - free);
                }
                judged += piece.len;
            }
            self.deliver(&buffer[sent..judged]).await?;
            buffer.drain(..judged);
        }
    }

    /// Waits until bytes may pass; `false` where they are to be lost instead.
    async fn open(&mut self) -> bool {
        let lane = self.direction.index();
        let flow = self.flow.wait_for(|flow| flow.swallows || !flow.stalled[lane]).await;
        flow.is_ok_and(|flow| !flow.swallows)
    }

    /// Counts a piece that is to pass. Where the armed fault lies in it, it tells how much of it passes before.
    fn judge(&mut self, piece: Piece) -> Option<(usize, Harm)> {
        let mut state = self.shared.state();
        let state = &mut *state;
        let lane = &mut state.lanes[self.direction.index()];
        let ours = state.fault.filter(|fault| fault.direction == self.direction);
        let length = u64::try_from(piece.len).unwrap_or(u64::MAX);
        let free = ours.and_then(|fault| match fault.at {
            At::Byte(at) => (at == 0 || at - lane.since.bytes <= length).then(|| at - lane.since.bytes),
            At::Message(0) if piece.begins.is_some() => Some(0),
            At::Message(at) => {
                let begun = lane.since.messages + u64::from(piece.begins.is_some());
                let counts = piece.begins.is_some() || self.armed == state.armed;
                (piece.ends && counts && begun == at && at > 0).then_some(length)
            }
            At::Before(kind) => (piece.begins == Some(kind)).then_some(0),
        });
        if piece.begins.is_some() {
            self.armed = state.armed;
            lane.messages += 1;
            lane.since.messages += 1;
        }
        let Some(free) = free else {
            lane.pass(piece.len);
            return None;
        };
        let free = usize::try_from(free).unwrap_or(piece.len);
        lane.pass(free);
        state.fault.take().map(|fault| (free, fault.harm))
    }

    async fn deliver(&mut self, bytes: &[u8]) -> io::Result<()> {
        let lane = self.direction.index();
        for (sent, byte) in bytes.iter().enumerate() {
            if !self.flow.borrow().drips[lane] {
                return self.to.write_all(&bytes[sent..]).await;
            }
            self.to.write_all(&[*byte]).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn suffer(&mut self, harm: Harm) -> io::Result<()> {
        let stalls = harm == Harm::Stall;
        if !stalls {
            // In order, so that what has passed is read before the end.
            self.to.shutdown().await?;
        }
        let lane = self.direction.index();
        self.shared.flow.send_modify(|flow| {
            flow.fired = true;
            flow.stalled[lane] |= stalls;
        });
        if stalls { Ok(()) } else { Err(io::ErrorKind::ConnectionAborted.into()) }
    }
}
