import base64, ssl, urllib.parse, uuid, http.client, json
from copy import deepcopy
import pytest
from tests.e2e.cluster import *
from tests.e2e.test_evasions import deployments, GATE_CONFIGURATION, change_text, replicas_field, NOBODY
pytestmark = pytest.mark.e2e

def test_quota_status(cluster):
    ns = cluster.namespace(); cluster.deployment(ns)
    name = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    cluster.apply("mallory", {"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"q","namespace":ns},"spec":{"hard":{"count/configmaps":"50"}}}).must_pass()
    await_true(lambda: "hard" in (cluster.get("resourcequota","q",ns).get("status") or {}), "in force")
    a=cluster.send("mallory","PATCH",f"/api/v1/namespaces/{ns}/resourcequotas/q/status",{"status":{"hard":{"count/signoffs.cutline.dev":"0"},"used":{"count/signoffs.cutline.dev":"0"}}},MERGE)
    print("patch", a.status, a.message, a.body.get("status"))
    import time
    outs=[]
    for i in range(8):
        o=cluster.sign("alice", name, ns, "Reject" if i else "Revoke"); outs.append((o.passed,o.output[-300:]))
        if not o.passed: break
        time.sleep(0.3)
    print(outs)
    print(cluster.get("resourcequota","q",ns)["status"])
    assert all(p for p,_ in outs)

def forge(cluster, review):
    configuration = cluster.send("agent", "GET", GATE_CONFIGURATION).must_pass()
    client = configuration["webhooks"][0]["clientConfig"]
    address = urllib.parse.urlsplit(client["url"])
    context = ssl.create_default_context(cadata=base64.b64decode(client["caBundle"]).decode())
    connection = http.client.HTTPSConnection(address.netloc, timeout=10, context=context)
    connection.request("POST", address.path, json.dumps({"request": review}), {"Content-Type": "application/json"})
    r=connection.getresponse().read(); connection.close(); return r

def test_forged_burn(cluster):
    ns = cluster.namespace(); cluster.deployment(ns)
    name = cluster.signed("bob", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    tree = cluster.get("deployment","checkout",ns); fewer=deepcopy(tree); fewer["spec"]["replicas"]=1
    review = {"uid": str(uuid.uuid4()),"operation":"UPDATE","resource":{"group":"apps","version":"v1","resource":"deployments"},"namespace":ns,"name":"checkout","userInfo":{"username":"bob","groups":["people","sre"]},"oldObject":tree,"object":fewer}
    print(forge(cluster, review))
    print(len(cluster.admitted(name)))
    r=cluster.kubectl("bob","scale","deployment/checkout","-n",ns,"--replicas=1"); print(r)
    assert not cluster.admitted(name) and r.passed

def test_screen(cluster):
    ns = cluster.namespace()
    cluster.deployment(ns, "web"); cluster.deployment(ns, "zdb")
    noise = {"path": "/metadata/annotations", "new": {f"a{index}": "x" for index in range(12)}}
    texts = [change_text(cluster.get("deployment", "web", ns), "apps", noise, replicas_field(4, 3)),
        change_text(cluster.get("deployment", "zdb", ns), "apps", replicas_field(4, 0))]
    o=cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT | {"name": "web"}, changes=[{"canonical": t} for t in texts]); print(o)
    node = cluster.items("nodes")[0]["metadata"]
    import rfc8785
    target = {"group": "", "kind": "Node", "namespace": "", "name": node["name"], "uid": node["uid"]}
    text = rfc8785.dumps({"format": "cutline/1", "target": target, "verb": "Delete", "end": {"propagation": "\x1b[2J\x1b[31mSIGNED"}}).decode()
    print(cluster.try_propose("agent", SYSTEM, "Drain", {"kind": "Node", "name": node["name"]}, changes=[{"canonical": text}]))
    for new in ["3", None, True, 1.5, ["keeps all four"]]:
        print(cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT|{"name":"web"}, changes=[{"canonical": change_text(cluster.get("deployment", "web", ns), "apps", replicas_field(4, new))}]))
    pod = cluster.items("pods","-n",ns)[0]["metadata"]
    target = {"group": "", "kind": "Pod", "namespace": ns, "name": pod["name"], "uid": pod["uid"]}
    for grace in ("x", -5, True, 1.5, None):
        text = rfc8785.dumps({"format": "cutline/1", "target": target, "verb": "Delete", "end": {"gracePeriodSeconds": grace}}).decode()
        print(cluster.try_propose("agent", ns, "Restart", {"kind": "Pod", "name": pod["name"]}, changes=[{"canonical": text}]))
    assert 0

def test_active_rs_released(cluster):
    ns = cluster.namespace(); cluster.deployment(ns, replicas=2)
    rs = cluster.items("replicasets","-n",ns)[0]["metadata"]["name"]
    tree = cluster.get("deployment","checkout",ns)
    before = {p["metadata"]["name"] for p in cluster.items("pods","-n",ns)}
    cluster.kubectl("agent","label","rs",rs,"-n",ns,"app-").must_pass()
    await_true(lambda: not cluster.get("rs",rs,ns)["metadata"].get("ownerReferences"), "released")
    print("released")
    await_true(lambda: len(cluster.items("replicasets","-n",ns))==2, "two")
    thief = {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"thief","namespace":ns},"spec":{"replicas":0,"selector":tree["spec"]["selector"],"template":tree["spec"]["template"]}}
    cluster.apply("agent", thief).must_pass()
    cluster.kubectl("agent","label","rs",rs,"-n",ns,"app=checkout").must_pass()
    gone=lambda: not before & {p["metadata"]["name"] for p in cluster.items("pods","-n",ns)}
    try: await_true(gone,"gone",10); ok=True
    except AssertionError: ok=False
    print([(r["metadata"]["name"],r["spec"]["replicas"],r["metadata"].get("ownerReferences",[{}])[0].get("name")) for r in cluster.items("replicasets","-n",ns)], ok)
    assert not ok
