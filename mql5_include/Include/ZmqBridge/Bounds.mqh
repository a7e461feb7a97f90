//+------------------------------------------------------------------+
//| Bounds.mqh - every limit and period of the wire and of this EA.  |
//| The first group is docs/wire.md, "Limits and times"; the others  |
//| are ours, each with what happens when it is reached.             |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_BOUNDS_MQH
#define ZMQ_BRIDGE_BOUNDS_MQH

#define WIRE_VERSION            1

#define FRAME_BYTES_MAX         4194304
#define TOPIC_BYTES_MAX         128
#define SYMBOL_BYTES_MAX        64
#define TEXT_BYTES_MAX          4096
#define COMMENT_BYTES_MAX       124
#define COMMENT_CHARS_MAX       31
#define DEPTH_MAX               16
#define MAP_KEYS_MAX            1024
#define ARRAY_ITEMS_MAX         100000
#define TICKS_PER_FRAME_MAX     1000
#define TICKS_PER_HISTORY_MAX   5000
#define EVENTS_PER_PULL_MAX     64
#define COMMANDS_PER_WORK_MAX   64
#define ACKS_PER_WORK_MAX       1024
#define SYMBOLS_PER_MESSAGE_MAX 500
#define BEAT_MS                 500
#define LIVENESS_MS             3000
#define WAIT_MS_MAX             1000
#define REPLY_GRACE_MS          1500
#define SNAPSHOT_MS             1000
#define OFFSET_HOLDS_MS         5000     // so long the trade server's clock was moved before the bridge is greeted anew
#define OFFSET_AGAIN_MS         60000    // and before it is again
#define SPECS_MS_MAX            900000
#define BACKOFF_FIRST_MS        100
#define BACKOFF_MAX_MS          5000
#define JOURNAL_EVENTS_MAX      100000
#define JOURNAL_COMMANDS_MAX    10000

// sockets
#define PUB_FRAMES_MAX          1000     // waiting for the peer; beyond it a frame is refused, and its sender waits
#define PUB_BYTES_MAX           8388608  // the same in bytes
#define CONNECT_TIMEOUT_MS      300      // one native connection attempt; the longest that an event waits for a dead peer
#define SEND_TIMEOUT_MS         50       // one native send
#define READ_CHUNK_BYTES        65536    // one native read or send
#define READ_TIMEOUT_MS         5        // a native read of bytes that were said to be there
#define READS_PER_TURN_MAX      64       // native reads of one socket in one turn
#define HANDSHAKE_MS            3000     // from connected to READY; beyond it the connection is dropped
#define PING_MS                 1000     // between our pings
#define RECONNECT_FIRST_MS      100
#define RECONNECT_MAX_MS        2000
#define ALONE_FIRST_MS          2000     // libzmq's publisher without a subscription is connected anew, ever more seldom
#define ALONE_MAX_MS            60000
#define SUBSCRIPTIONS_MAX       4096     // of the peer; beyond it the connection is dropped
#define LINGER_MS               200      // on closing, for what is still to be sent
#define COMMAND_BYTES_MAX       65536    // of a ZMTP command frame; beyond it the connection is dropped

// ticks
#define TICKS_READ_MAX          2000     // new ticks of one symbol in one read
#define TICKS_SEEN_MAX          20000    // remembered of one symbol; the oldest go first
#define OVERLAP_MS              500      // re-read behind the newest tick, each drain
#define OVERLAP_DEEP_MS         10000    // re-read once a second, for ticks that are inserted late
#define DEEP_READ_MS            1000
#define CATCH_UP_MS_MAX         600000   // ticks held back for a subscriber; beyond it the bridge fetches them
#define DRAIN_BUDGET_MS         20       // of one turn; the next symbol has its turn first in the next
#define FETCHES_MAX             64       // history requests that wait; more are left to be asked again
#define FETCH_READ_MAX          10000    // ticks in one read of the history
#define FETCH_READS_MAX         500      // reads to find the place of `skip` in one answer

// desk
#define DEALS_REREAD_MS         60000
#define DEALS_OVERLAP_MS        600000
#define LOOK_AGAIN_MS           1000     // commands of open outcome are looked up
#define UNKNOWN_SETTLES_MS      10000    // not at the broker so long after: it never arrived
#define SPECS_MS                10000    // specifications are looked at for changes
#define PROBES_MS               1000     // and sooner those that could not be probed
#define SPECS_RETRY_MS          60000    // after the bridge could not take them
#define SETTLE_MS               2000     // how long a deal may take to show in the terminal's history and positions
#define PENDING_MAX             1024     // transactions that wait for their details; MT5 itself queues as many
#define JOURNAL_GROWTH_BYTES    4000000  // the journal is rewritten to its living part after so much
#define STEP_SPLIT_BYTES        1000000  // what need not be together goes into several steps
#define STEP_BYTES_MAX          4194304  // of one step of the journal
#define BYE_MS                  1500     // taking leave: a held pull is answered first; MT5 gives OnDeinit 2500
#define STATUS_MS               500      // the comment on the chart

#endif
