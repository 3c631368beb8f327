//! The network that the cases live in.

use std::ffi::CString;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::thread;
use std::time::Duration;

use libc::{c_char, c_int, c_ulong};

/// Public, as far as the host can tell.
pub const PUBLIC: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);

/// Addresses where nobody may be met by name. `127.0.0.1` and `::1` are there without being added.
pub const FORBIDDEN: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::new(192, 168, 77, 1)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Names that programs read a proxy from.
const PROXIES: [&str; 6] = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// Moves this process into a network where only its own servers are. Must be called before a thread is started.
pub fn enter() {
    let files = tempfile::tempdir().unwrap();
    let resolver = files.path().join("resolv.conf");
    let order = files.path().join("nsswitch.conf");
    fs::write(&resolver, "nameserver 127.0.0.1\noptions ndots:0 attempts:1 timeout:2\n").unwrap();
    fs::write(&order, "hosts: files dns\n").unwrap();
    // SAFETY: a plain system call; no other thread exists yet.
    let moved = unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET | libc::CLONE_NEWNS) };
    require(moved, "these cases need user, network and mount namespaces (`sysctl user.max_user_namespaces`)");
    cover("/etc/resolv.conf", resolver.to_str().unwrap());
    cover("/etc/nsswitch.conf", order.to_str().unwrap());
    bring_up();
    add_v4(0, PUBLIC);
    for (position, address) in FORBIDDEN.into_iter().enumerate() {
        match address {
            IpAddr::V4(v4) if !v4.is_loopback() => add_v4(position, v4),
            IpAddr::V6(v6) if !v6.is_loopback() => add_v6(v6),
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
    }
    // NET-27: whoever asks a proxy meets a canary.
    for name in PROXIES {
        // SAFETY: no other thread exists yet.
        unsafe { std::env::set_var(name, "http://192.168.77.1:80") };
    }
}

#[track_caller]
fn require(result: c_int, what: &str) {
    assert!(result >= 0, "{what}: {}", io::Error::last_os_error());
}

fn cover(place: &str, with: &str) {
    let (target, source) = (CString::new(place).unwrap(), CString::new(with).unwrap());
    // SAFETY: both are strings that live through the call; a bind mount reads nothing else.
    let mounted =
        unsafe { libc::mount(source.as_ptr(), target.as_ptr(), std::ptr::null(), libc::MS_BIND, std::ptr::null()) };
    require(mounted, &format!("`{place}` cannot be covered with the cases' own"));
}

fn socket(family: c_int) -> OwnedFd {
    // SAFETY: a plain system call.
    let socket = unsafe { libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    require(socket, "a socket to set addresses with");
    // SAFETY: the descriptor was just made and belongs to nobody else.
    unsafe { OwnedFd::from_raw_fd(socket) }
}

fn control<T>(socket: &OwnedFd, request: c_ulong, argument: &mut T, what: &str) {
    // SAFETY: every request here takes a pointer to the structure that is passed with it.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), request as _, std::ptr::from_mut(argument)) };
    require(done, what);
}

fn interface(label: &str) -> libc::ifreq {
    // SAFETY: a structure of numbers, for which all zeros is a value.
    let mut interface: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in interface.ifr_name.iter_mut().zip(label.bytes()) {
        *to = from as c_char;
    }
    interface
}

fn bring_up() {
    let mut lo = interface("lo");
    lo.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_LOOPBACK | libc::IFF_RUNNING) as i16;
    control(&socket(libc::AF_INET), libc::SIOCSIFFLAGS, &mut lo, "`lo` cannot be brought up");
}

fn add_v4(position: usize, address: Ipv4Addr) {
    let mut lo = interface(&format!("lo:{}", position + 1));
    let socket = socket(libc::AF_INET);
    let mut set = |request, address: Ipv4Addr| {
        lo.ifr_ifru.ifru_addr = sockaddr(address);
        control(&socket, request, &mut lo, &format!("`{address}` cannot be set"));
    };
    set(libc::SIOCSIFADDR, address);
    set(libc::SIOCSIFNETMASK, Ipv4Addr::BROADCAST);
}

fn sockaddr(address: Ipv4Addr) -> libc::sockaddr {
    let v4 = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
        sin_zero: [0; 8],
    };
    // SAFETY: both are 16 bytes of numbers that begin with the family.
    unsafe { std::mem::transmute(v4) }
}

fn add_v6(address: Ipv6Addr) {
    // SAFETY: the name is a string that ends with a zero.
    let index = unsafe { libc::if_nametoindex(c"lo".as_ptr()) };
    let mut request = libc::in6_ifreq {
        ifr6_addr: libc::in6_addr { s6_addr: address.octets() },
        ifr6_prefixlen: 128,
        ifr6_ifindex: index as c_int,
    };
    let what = format!("`{address}` cannot be set: the cases need IPv6");
    control(&socket(libc::AF_INET6), libc::SIOCSIFADDR, &mut request, &what);
    // The kernel takes a moment to find that nobody else has the address; until then it cannot be bound.
    let is_ready = || UdpSocket::bind((address, 0)).is_ok();
    let ready = (0..5000).any(|_| {
        is_ready() || {
            thread::sleep(Duration::from_millis(1));
            false
        }
    });
    assert!(ready, "`{address}` was set and does not become usable");
}
