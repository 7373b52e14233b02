import os, time
from concurrent.futures import ThreadPoolExecutor
from tests.acceptance.deployment import eventually
from tests.builders import a_package
from tests.load.watching import files, read_index, revision

N = int(os.environ.get("N", "1000"))


def test_backlog(deployment, tell):
    lam = deployment.stack.client("lambda")
    (esm,) = lam.list_event_source_mappings(FunctionName=deployment.stack.functions["IndexObjects"])[
        "EventSourceMappings"
    ]
    out = []
    for batch, window, conc in ((10, 0, 2), (100, 3, 5)):
        repo = f"backlog{batch}"
        repository = deployment.repository(repo)
        lam.update_event_source_mapping(
            UUID=esm["UUID"],
            Enabled=False,
            BatchSize=batch,
            MaximumBatchingWindowInSeconds=window,
            ScalingConfig={"MaximumConcurrency": conc},
        )
        names = [f"chart{i % 50}-1.0.{i}.tgz" for i in range(N)]
        with ThreadPoolExecutor(4) as pool:
            list(
                pool.map(
                    lambda i: deployment.put(f"{repo}/{names[i]}", a_package(f"chart{i % 50}", f"1.0.{i}")), range(N)
                )
            )
        lam.update_event_source_mapping(UUID=esm["UUID"], Enabled=True)
        t = time.monotonic()
        found = eventually(lambda: files(read_index(repository)), lambda f: len(f) >= N, 400)
        tell(
            f"batch {batch} window {window} concurrency {conc}: {len(found)} of {N} in {time.monotonic() - t:.1f} s, {revision(repository)} publications"
        )
    # single package
    lam.update_event_source_mapping(
        UUID=esm["UUID"],
        Enabled=True,
        BatchSize=10,
        MaximumBatchingWindowInSeconds=0,
        ScalingConfig={"MaximumConcurrency": 2},
    )
    for i in range(3):
        repository = deployment.repository("single")
        t = time.monotonic()
        deployment.put(f"single/one-1.0.{i}.tgz", a_package("one", f"1.0.{i}"))
        eventually(lambda: f"one-1.0.{i}.tgz" in files(read_index(repository)), bool, 60)
        tell(f"single: {time.monotonic() - t:.2f} s")
