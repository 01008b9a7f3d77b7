"""The server of these tests is a real one: TLS, users, roles, data streams."""


def test_the_server_answers_over_tls_and_knows_its_users(own_elastic):
    for user in own_elastic.users:
        status, answer = own_elastic.request("GET", "_security/_authenticate", user=user)
        assert (status, answer["username"]) == (200, user)


def test_a_wrong_password_is_refused(own_elastic):
    right = own_elastic.users["stranger"]
    own_elastic.users["stranger"] = "wrong"
    try:
        assert own_elastic.request("GET", "_cluster/health", user="stranger")[0] == 401
    finally:
        own_elastic.users["stranger"] = right


def test_what_was_acknowledged_survives_a_kill(own_elastic, namespace):
    assert own_elastic.request("PUT", f"otsensor-alerts-{namespace}/_doc/1", {"tags": "kept"})[0] == 201
    own_elastic.kill()
    own_elastic.start()
    assert own_elastic.documents(f"otsensor-alerts-{namespace}") == [{"tags": "kept"}]


def test_the_official_client_speaks_to_it(elastic):
    assert elastic.client().cluster.health()["number_of_nodes"] >= 1
