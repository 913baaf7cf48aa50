//! A link that can be cut: bytes between an agent and its center pass through here.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A forwarder on a port of its own. It lives as long as the test's process.
#[derive(Clone)]
pub struct Link {
    /// Where it listens.
    pub port: u16,
    cut: Arc<AtomicBool>,
    live: Arc<Mutex<Vec<TcpStream>>>,
}

impl Link {
    /// Forward to that address.
    #[must_use]
    pub fn to(address: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let link = Self {
            port: listener.local_addr().unwrap().port(),
            cut: Arc::new(AtomicBool::new(false)),
            live: Arc::default(),
        };
        let forwarding = link.clone();
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if !forwarding.cut.load(Ordering::Acquire)
                    && let Ok(far) = TcpStream::connect(address)
                {
                    forwarding.pass(&near, &far);
                }
            }
        });
        link
    }

    fn pass(&self, near: &TcpStream, far: &TcpStream) {
        let mut live = self.live.lock().unwrap();
        for (from, to) in [(near, far), (far, near)] {
            live.push(from.try_clone().unwrap());
            let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
    }

    /// Cut it: what is open breaks, nothing new is let through.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        for stream in self.live.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Mend it.
    pub fn mend(&self) {
        self.cut.store(false, Ordering::Release);
    }
}
