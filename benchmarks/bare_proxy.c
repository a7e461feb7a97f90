/* The baseline: libzmq's own XSUB/XPUB proxy and nothing around it.
 *
 *   bare_proxy FEED_PORT SUBSCRIBE_PORT FEED_HWM SUBSCRIBER_HWM
 *
 * Built against the very libzmq that pyzmq brings, so that only the program around it differs. That wheel has no
 * header, hence the declarations.
 */
#include <stdio.h>
#include <stdlib.h>

void *zmq_ctx_new(void);
void *zmq_socket(void *context, int type);
int zmq_setsockopt(void *socket, int option, const void *value, size_t size);
int zmq_bind(void *socket, const char *endpoint);
int zmq_proxy(void *frontend, void *backend, void *capture);

enum { ZMQ_XPUB = 9, ZMQ_XSUB = 10, ZMQ_SNDHWM = 23, ZMQ_RCVHWM = 24 };

static void *open_socket(void *context, int type, const char *port, int hwm)
{
    char endpoint[64];
    void *socket = zmq_socket(context, type);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &hwm, sizeof hwm);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%s", port);
    if (zmq_bind(socket, endpoint) != 0) {
        fprintf(stderr, "cannot bind %s\n", endpoint);
        exit(1);
    }
    return socket;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bare_proxy FEED_PORT SUBSCRIBE_PORT FEED_HWM SUBSCRIBER_HWM\n");
        return 2;
    }
    void *context = zmq_ctx_new();
    void *feed = open_socket(context, ZMQ_XSUB, argv[1], atoi(argv[3]));
    void *subscribers = open_socket(context, ZMQ_XPUB, argv[2], atoi(argv[4]));
    puts("ready");
    fflush(stdout);
    return zmq_proxy(feed, subscribers, NULL);
}
