//+------------------------------------------------------------------+
//| ZmqBridgeGolden.mq5 - reads the wire's golden files and writes   |
//| them again, for comparing this MessagePack with the wire.        |
//| Reads  MQL5/Files/ZmqBridge/golden/list.txt, one name a line,    |
//|        and NAME.bin beside it: a payload, or topic NUL payload.  |
//| Writes NAME.out (the bytes as written again) or NAME.bad (the    |
//|        code and what was wrong, one line) beside it.             |
//+------------------------------------------------------------------+
#property copyright "ZmqBridge"
#property version   "1.00"

#include <ZmqBridge/Msgpack/MsgpackTree.mqh>

#define GOLDEN_FOLDER "ZmqBridge\\golden\\"

// Where the payload begins: behind a topic's NUL when the name says that the frame is published.
int PayloadBegin(const string name, const uchar &bytes[])
  {
   if(StringFind(name, "pub-") != 0)
      return(0);
   for(int i = 0; i < ArraySize(bytes); i++)
      if(bytes[i] == 0)
         return(i + 1);
   return(-1);
  }

bool ReadBytes(const string path, uchar &bytes[])
  {
   int file = FileOpen(path, FILE_READ | FILE_BIN);
   if(file == INVALID_HANDLE)
     {
      Print("golden: cannot open ", path, ", error ", GetLastError());
      return(false);
     }
   ArrayResize(bytes, (int)FileSize(file));
   if(ArraySize(bytes) > 0)
      FileReadArray(file, bytes);
   FileClose(file);
   return(true);
  }

void WriteBytes(const string path, const uchar &bytes[], const int size)
  {
   int file = FileOpen(path, FILE_WRITE | FILE_BIN);
   if(file == INVALID_HANDLE)
     {
      Print("golden: cannot write ", path, ", error ", GetLastError());
      return;
     }
   if(size > 0)
      FileWriteArray(file, bytes, 0, size);
   FileClose(file);
  }

void WriteRefusal(const string name, const string code, const string problem)
  {
   uchar bytes[];
   int size = Utf8::Bytes(code + " " + problem + "\n", bytes);
   WriteBytes(GOLDEN_FOLDER + name + ".bad", bytes, size);
  }

void Roundtrip(const string name)
  {
   uchar bytes[];
   if(!ReadBytes(GOLDEN_FOLDER + name + ".bin", bytes))
      return;
   int begin = PayloadBegin(name, bytes);
   if(begin < 0)
     {
      WriteRefusal(name, "MALFORMED", "expected a topic and NUL, found none");
      return;
     }
   MsgpackTree tree;
   if(!tree.Read(bytes, begin, ArraySize(bytes)))
     {
      WriteRefusal(name, tree.Code(), tree.Problem());
      return;
     }
   MsgpackWriter writer;
   writer.Raw(bytes, 0, begin);
   tree.Write(0, writer);
   if(writer.IsGood())
      WriteBytes(GOLDEN_FOLDER + name + ".out", writer.data, writer.Size());
   else
      WriteRefusal(name, "MALFORMED", writer.Problem());
  }

void OnStart()
  {
   uchar list[];
   if(!ReadBytes(GOLDEN_FOLDER + "list.txt", list))
      return;
   string names[];
   int count = StringSplit(Utf8::Text(list, 0, ArraySize(list)), '\n', names);
   for(int i = 0; i < count; i++)
      if(names[i] != "")
         Roundtrip(names[i]);
  }
