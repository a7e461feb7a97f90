//+------------------------------------------------------------------+
//| Program.mqh - the parts put together, and the order in which     |
//| they have their turns. One thread: every event of the terminal   |
//| ends here, and none stays longer than its slice and the bounds   |
//| of one connection attempt, one send and one broker's answer.     |
//|   tick, timer   ticks out, events and snapshots out, a slice of  |
//|                 waiting for commands with ticks in between       |
//|   transaction   deal and order events, on disk, then out         |
//| Without a login nothing is begun; when it changes, all is begun  |
//| anew.                                                            |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_PROGRAM_MQH
#define ZMQ_BRIDGE_PROGRAM_MQH

#include <ZmqBridge/Journal/Checksum.mqh>
#include <ZmqBridge/Transport/NativeTransport.mqh>
#include <ZmqBridge/Talk/Talk.mqh>
#include <ZmqBridge/Msgpack/Utf8.mqh>
#ifndef ZMQ_BRIDGE_WITHOUT_DLL
#include <ZmqBridge/Transport/DllTransport.mqh>
#endif

#define WAIT_PIECE_MS 1   // a slice is waited in such pieces, with ticks in between

class Program
  {
private:
   Settings         *m_settings;
   Transport        *m_transport;
   Memory           *m_memory;
   Specs            *m_specs;
   Streams          *m_streams;
   Watch            *m_watch;
   Reports          *m_reports;
   Talk             *m_talk;
   Desk             *m_desk;
   TickFeed         *m_feed;
   string            m_server;         // trade server of the account; with the login it identifies it
   bool              m_is_working;     // between Start and Stop
   bool              m_was_away;       // from the trade server, in the last turn
   long              m_retry_ms;
   long              m_deals_due_ms;
   long              m_specs_due_ms;
   long              m_probes_due_ms;
   long              m_status_due_ms;
   bool              m_is_told_ended;  // the operator knows that another speaks for our role

public:
   // Takes the settings over.
                     Program(Settings *settings) : m_settings(settings), m_transport(NULL), m_memory(NULL), m_specs(NULL), m_streams(NULL),
                     m_watch(NULL), m_reports(NULL), m_talk(NULL), m_desk(NULL), m_feed(NULL), m_is_working(false), m_was_away(true),
                     m_retry_ms(0), m_deals_due_ms(0), m_specs_due_ms(0), m_probes_due_ms(0), m_status_due_ms(0), m_is_told_ended(false)
     {
     }

                    ~Program(void)
     {
      Stop("removed");
      delete m_settings;
     }

   // A turn: what OnTimer and OnTick do.
   void              Turn(const bool may_wait)
     {
      long now = Clock::NowMs();
      if(!IsRunning(now))
         return;
      if(HasEnded(now))
         return;
      m_transport.Turn(now);
      bool is_away = TerminalInfoInteger(TERMINAL_CONNECTED) == 0;
      if(!is_away && m_was_away)
         Returned(now);
      m_was_away = is_away;
      if(!is_away)
         Work(now, may_wait);
      Status(now);
     }

   void              Transaction(const MqlTradeTransaction &transaction)
     {
      if(!m_is_working || !m_settings.HasDesk() || (ulong)AccountInfoInteger(ACCOUNT_LOGIN) != m_memory.Login())
         return;
      if(!m_watch.Take(transaction, Clock::NowMs()))
         return;
      m_memory.Save();
      m_desk.Hurry();
      if(m_talk.session.State() == SESSION_STOPPED)
         return;
      m_reports.Events();
      m_reports.Changed();
     }

   // Take leave of the bridge and close everything.
   void              Stop(const string reason)
     {
      if(m_is_working)
         TakeLeave(reason);
      m_is_working = false;
      Discard();
     }

private:
   // Whether there is an account to work for and all is open; opens it when it is time.
   bool              IsRunning(const long now_ms)
     {
      ulong login = (ulong)AccountInfoInteger(ACCOUNT_LOGIN);
      string server = AccountInfoString(ACCOUNT_SERVER);
      if(m_is_working && (login != m_memory.Login() || server != m_server))
         Stop("the account changed");
      if(m_is_working)
         return(true);
      if(login == 0 || server == "" || now_ms < m_retry_ms)
         return(false);
      m_retry_ms = now_ms + BACKOFF_MAX_MS;
      m_server = server;
      m_is_working = Start(login);
      if(!m_is_working)
         Discard();
      return(m_is_working);
     }

   // Whether somebody else speaks for this role now: then nothing more is sent.
   bool              HasEnded(const long now_ms)
     {
      if(m_talk.session.State() != SESSION_STOPPED)
         return(false);
      if(!m_is_told_ended)
         Alert("ZmqBridge: stopped by the bridge: another terminal speaks for login ", m_memory.Login(), " as ", m_settings.RoleName(),
               ". Remove one of them and start the other again.");
      m_is_told_ended = true;
      Status(now_ms);
      return(true);
     }

   bool              Start(const ulong login)
     {
      m_memory = new Memory();
      if(!m_memory.Open(JournalName(login), login, Clock::UtcMs() + (long)(GetTickCount() % 1000), (ulong)m_settings.role))
        {
         g_log.Repeat("the journal can't be used: " + m_memory.Problem());
         return(false);
        }
      m_transport = NewTransport();
      if(m_transport == NULL || !m_transport.Open())
        {
         g_log.Repeat("the transport can't be used: " + (m_transport == NULL ? "this build is without DLL" : m_transport.Problem()));
         return(false);
        }
      m_specs = new Specs();
      m_specs.Open(m_settings.symbols, m_settings.symbols_max, m_settings.specs_every_s);
      m_streams = new Streams();
      m_watch = new Watch(m_memory, m_specs);
      m_reports = new Reports(m_transport, m_memory, m_watch, m_streams, m_settings);
      m_reports.Open();
      m_talk = new Talk(m_transport, m_memory, m_specs, m_reports, m_settings);
      m_desk = new Desk(m_memory, m_watch, GetPointer(m_talk.session.clock));
      m_desk.Open(m_settings.volume_max, m_settings.unknown_settles_s);
      m_talk.Open(m_desk);
      m_feed = new TickFeed(m_transport, m_streams);
      m_feed.Open(login, m_memory.Session());
      m_was_away = true;
      Log::Say("login " + (string)login + ", role " + m_settings.RoleName() + ", session " + (string)m_memory.Session() + ", "
               + (string)m_specs.Count() + " symbols, bridge at " + m_settings.host);
      return(true);
     }

   //--- the same login at another trade server is another account: the server's name is in the file's, by its checksum
   string            JournalName(const ulong login)
     {
      uchar bytes[];
      int size = Utf8::Bytes(m_server, bytes);
      Checksum checksum;
      string server = StringFormat("%08x", checksum.Of(bytes, 0, size));
      string name = "ZmqBridge\\journal-" + (string)login + "-" + server + "-" + m_settings.RoleName();
      return(name + (m_settings.suffix == "" ? "" : "-" + m_settings.suffix) + ".bin");
     }

   Transport        *NewTransport(void)
     {
      if(m_settings.transport == TRANSPORT_NATIVE)
         return(new NativeTransport(m_settings));
#ifndef ZMQ_BRIDGE_WITHOUT_DLL
      return(new DllTransport(m_settings));
#else
      return(NULL);
#endif
     }

   void              Discard(void)
     {
      if(CheckPointer(m_feed) == POINTER_DYNAMIC)
         delete m_feed;
      if(CheckPointer(m_desk) == POINTER_DYNAMIC)
         delete m_desk;
      if(CheckPointer(m_talk) == POINTER_DYNAMIC)
         delete m_talk;
      if(CheckPointer(m_reports) == POINTER_DYNAMIC)
         delete m_reports;
      if(CheckPointer(m_watch) == POINTER_DYNAMIC)
         delete m_watch;
      if(CheckPointer(m_streams) == POINTER_DYNAMIC)
         delete m_streams;
      if(CheckPointer(m_specs) == POINTER_DYNAMIC)
         delete m_specs;
      if(m_transport != NULL)
         m_transport.Close();
      if(CheckPointer(m_transport) == POINTER_DYNAMIC)
         delete m_transport;
      if(m_memory != NULL)
         m_memory.Close();
      if(CheckPointer(m_memory) == POINTER_DYNAMIC)
         delete m_memory;
      m_feed = NULL;
      m_desk = NULL;
      m_talk = NULL;
      m_reports = NULL;
      m_watch = NULL;
      m_streams = NULL;
      m_specs = NULL;
      m_transport = NULL;
      m_memory = NULL;
     }

   // The connection to the trade server is there (again): find what was missed.
   void              Returned(const long now_ms)
     {
      m_deals_due_ms = now_ms + DEALS_REREAD_MS;
      m_specs_due_ms = now_ms + SPECS_MS;
      if(!m_settings.HasDesk())
         return;
      if(m_memory.DealTold() > 0)
         m_watch.RereadOverlap(now_ms);
      m_desk.ResolveEarlier(now_ms);
     }

   void              Work(const long now_ms, const bool may_wait)
     {
      if(m_settings.HasFeed())
        {
         m_feed.Follow(m_specs);
         m_feed.Drain(now_ms);
        }
      long until = now_ms + (may_wait ? m_settings.slice_ms : 0);
      Converse(0);
      Periodic();
      long now = Clock::NowMs();
      while(now < until && m_talk.session.State() != SESSION_STOPPED && !IsStopped())
        {
         int piece = m_settings.HasFeed() ? (int)MathMin(WAIT_PIECE_MS, until - now) : (int)(until - now);
         Converse(piece);
         if(m_settings.HasFeed())
            m_feed.Drain(Clock::NowMs());
         now = Clock::NowMs();
         if(m_talk.session.Outstanding() == "")
            break; // nothing to wait for: between greetings
        }
     }

   // A reply, what it brought, and the next request.
   void              Converse(const int wait_ms)
     {
      bool has_reply = m_talk.Receive(wait_ms);
      if(has_reply)
        {
         Welcomed();
         Commands();
         Publish();
        }
      m_memory.Save();
      m_talk.Send(Clock::NowMs());
     }

   void              Welcomed(void)
     {
      long from_msc = 0;
      if(!m_talk.TookWelcome(from_msc) || !m_settings.HasDesk())
         return;
      m_watch.Retell(from_msc, Clock::NowMs());
      m_memory.Save();
     }

   void              Commands(void)
     {
      Command *command = m_talk.NextCommand();
      while(command != NULL)
        {
         m_desk.Handle(command, Clock::NowMs());
         delete command;
         Publish();
         m_reports.Changed();
         command = m_talk.NextCommand();
        }
     }

   // Events that are on disk, and what is due.
   void              Publish(void)
     {
      m_memory.Save();
      m_reports.Events();
      m_reports.BeatIfDue(Clock::NowMs());
     }

   void              Periodic(void)
     {
      long now = Clock::NowMs();
      if(m_settings.HasDesk())
         PeriodicDesk(now);
      if(now >= m_probes_due_ms)
         Specifications(now);
      m_memory.Save();
      m_reports.Events();
      m_reports.SnapshotIfDue(now);
      m_reports.BeatIfDue(now);
     }

   void              PeriodicDesk(const long now_ms)
     {
      if(m_watch.IsBusy())
        {
         m_watch.Turn(now_ms);
         m_reports.Changed();
        }
      m_desk.LookAgain(now_ms);
      if(now_ms < m_deals_due_ms)
         return;
      m_deals_due_ms = now_ms + DEALS_REREAD_MS;
      m_watch.RereadOverlap(now_ms);
     }

   // A desk tells changed specifications as events, a feed as `symbols`. Before the first greeting nothing is known yet.
   // What could not be probed is looked at sooner: until then the bridge can't check what it is told of the symbol.
   void              Specifications(const long now_ms)
     {
      bool only_probes = now_ms < m_specs_due_ms;
      m_probes_due_ms = now_ms + PROBES_MS;
      if(!only_probes)
        {
         m_specs_due_ms = now_ms + SPECS_MS;
         m_specs.FollowMarketWatch();
        }
      if(!m_talk.session.IsConnected(now_ms))
         return;
      if(m_settings.HasDesk())
         m_watch.ChangedSpecs(only_probes);
      else if(!only_probes)
         m_specs.HaveNews();
     }

   void              TakeLeave(const string reason)
     {
      long until = Clock::NowMs() + BYE_MS;
      bool has_said = false;
      while(Clock::NowMs() < until && m_talk.session.State() != SESSION_STOPPED && m_talk.session.State() != SESSION_DISCONNECTED)
        {
         has_said = has_said || m_talk.SayBye(reason, Clock::NowMs());
         m_talk.Receive(20);
        }
      m_memory.Save();
     }

   void              Status(const long now_ms)
     {
      if(now_ms < m_status_due_ms)
         return;
      m_status_due_ms = now_ms + STATUS_MS;
      string newest = m_feed.NewestMsc() == 0 ? "none" : TimeToString((datetime)(m_feed.NewestMsc() / 1000), TIME_DATE | TIME_SECONDS);
      string text = "ZmqBridge " + m_settings.RoleName() + " " + (string)m_memory.Login() + "\n";
      text += "bridge: " + m_talk.session.StateName() + (m_talk.LastError() == "" ? "" : " (" + m_talk.LastError() + ")") + "\n";
      text += "publishing: " + (m_transport.IsConnected() ? "connected" : "waiting for a subscriber") + "\n";
      text += "ticks: " + (string)m_feed.Sent() + " sent, newest " + newest + "\n";
      if(m_settings.HasDesk())
         text += "trading: " + m_memory.TradingState() + "\nlast command: " + m_desk.Last() + "\n";
      text += "unacknowledged: " + (string)m_memory.events.Kept() + (m_was_away ? "\nno connection to the trade server" : "");
      Comment(text);
     }
  };

#endif
