use anamnesis_domain::account::Role;
use anamnesis_journal::tree::{Consistency, Hash, Head, proof, tile_hashes};
use serde_json::Value;

use crate::story::Story;
use crate::world::World;

#[tokio::test]
async fn anybody_can_follow_the_signed_log() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    world.app.following.signed(story.last.position(), std::time::Duration::from_secs(10)).await.unwrap();
    let nobody = world.nobody();
    let checkpoint = nobody.get("/v1/log/checkpoint").await;
    assert_eq!((checkpoint.status.as_u16(), checkpoint.header("content-type")), (200, "text/plain; charset=utf-8"));
    let text = String::from_utf8(checkpoint.bytes).unwrap();
    let size: usize = text.lines().nth(1).unwrap().parse().unwrap();
    assert!(size as u64 >= story.last.position());

    let tile = nobody.get(&format!("/v1/log/tile/0/000.p/{size}")).await;
    assert_eq!((tile.status.as_u16(), tile.header("content-type")), (200, "application/octet-stream"));
    assert!(tile.header("cache-control").contains("immutable"));
    let leaves = tile_hashes(&tile.bytes).unwrap();
    let entry = world.app.log.read_after(2, 1).await.unwrap().remove(0);
    assert_eq!(leaves[2], entry.leaf());
    for missing in ["0/000", "0/000.p/256", "0/000.p/0", "0/0.p/1", "0/001.p/1", "9/000.p/1", "entries/000.p/1", "0/x000/000.p/1"] {
        nobody.get(&format!("/v1/log/tile/{missing}")).await.is_problem(404, None);
    }
}

#[tokio::test]
async fn proofs_of_the_log_hold() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let auditor = world.sign_in(Role::Auditor).await;
    let size = story.last.position();
    let hash = |value: &Value| value.as_str().unwrap().parse::<Hash>().unwrap();
    let hashes = |value: &Value| value.as_array().unwrap().iter().map(hash).collect::<Vec<_>>();

    let told = auditor.get(&format!("/v1/log/proof/inclusion?position=2&size={size}")).await;
    assert_eq!(told.status, 200, "{}", told.body);
    let leaf = world.app.log.read_after(1, 1).await.unwrap().remove(0).leaf();
    let head = Head { size, root: hash(&told.body["root"]) };
    assert!(proof::verify_inclusion(1, leaf, head, &hashes(&told.body["hashes"])).is_ok());

    let told = auditor.get(&format!("/v1/log/proof/consistency?from=3&to={size}")).await;
    let older = Head { size: 3, root: hash(&told.body["from_root"]) };
    let consistency = Consistency { from: 3, hashes: hashes(&told.body["hashes"]) };
    assert_eq!(hash(&told.body["to_root"]), head.root);
    assert!(proof::verify_consistency(older, head, &consistency).is_ok());

    auditor.get("/v1/log/proof/inclusion?position=0").await.is_problem(422, Some("position"));
    auditor.get("/v1/log/proof/inclusion?position=99999999").await.is_problem(422, Some("position"));
    auditor.get("/v1/log/proof/inclusion?position=1&size=99999999").await.is_problem(422, Some("size"));
    auditor.get("/v1/log/proof/consistency?from=3&to=99999999").await.is_problem(422, Some("to"));
    auditor.get("/v1/log/proof/consistency?from=3&to=2").await.is_problem(422, Some("from"));
}
