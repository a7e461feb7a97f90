"""Both transports on Windows' side against unmodified libzmq on Linux: Winsock, and the real libzmq.dll.

The tests are those of the host on Linux, run with another machine.
"""

from tests.mql5 import test_transports as here

dll, ports = here.dll, here.ports  # the fixtures

test_requests_come_back = here.test_requests_come_back_whatever_their_length
test_the_envelope = here.test_the_envelope_is_that_of_a_req_socket
test_only_subscribed_topics_are_sent = here.test_only_subscribed_topics_are_sent
test_a_plain_password = here.test_a_plain_password_opens_the_door_and_a_wrong_one_does_not
test_a_reply_of_several_frames = here.test_a_reply_of_several_frames_is_refused_and_the_next_one_taken
test_an_unanswered_request = here.test_an_unanswered_request_is_given_up_and_its_late_answer_dropped
test_the_bridge_may_go_away_and_come_back = here.test_the_bridge_may_go_away_and_come_back
test_bytes_may_come_and_go_one_by_one = here.test_bytes_may_come_and_go_one_by_one
test_a_host_that_is_not_on_the_list = here.test_a_host_that_is_not_on_the_list_is_not_reached_and_said
test_hostile_servers = here.test_hostile_servers_cost_no_more_than_a_pause
