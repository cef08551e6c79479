//! A request with an `Idempotency-Key` whose server is killed, and that is sent again.

use super::process::Process;
use super::scene::{folder, only, request, scenes};

#[test]
fn a_named_order_is_made_once_whatever_the_point_of_the_kill() {
    for (point, resumed) in [("order.made", false), ("order.queued", true)] {
        let (_scratch, data) = folder(&scenes().asset);
        let server = Process::serve(&data, &format!("{point}=return"), 0).unwrap();
        let asset = only(&server, "assets").expect("the asset");
        let path = format!("/api/v1/assets/{}/packages", asset["id"].as_str().unwrap());
        assert!(server.post_named(&path, &request(), "order-1").is_err());
        server.died(point);

        let server = Process::serve(&data, "", 0).unwrap();
        let there = only(&server, "packages");
        assert_eq!(there.is_some(), resumed, "{point}");
        let (status, again) = server.post_named(&path, &request(), "order-1").unwrap();
        assert_eq!(status, 202, "{point}: {again}");
        let found = only(&server, "packages").expect("the package");
        assert_eq!(found["id"], again["id"], "{point}");
        // Killed once it is answered, it answers the same.
        server.kill();
        let server = Process::serve(&data, "", 0).unwrap();
        let (status, third) = server.post_named(&path, &request(), "order-1").unwrap();
        assert_eq!((status, &third), (202, &again), "{point}");
        assert!(only(&server, "packages").is_some());
        server.stop();
    }
}
