//+------------------------------------------------------------------+
//| RecordFile.mqh - an append-only file of steps: 4 bytes of length,|
//| 4 bytes of CRC-32, the step's bytes. A step is there as a whole  |
//| or not at all: a last one that is cut short was never finished   |
//| and is dropped; any other damage is an error, not a shorter      |
//| history. Kept open without sharing, so that one program owns it. |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_RECORD_FILE_MQH
#define ZMQ_BRIDGE_RECORD_FILE_MQH

#include <ZmqBridge/Bounds.mqh>
#include <ZmqBridge/Journal/Checksum.mqh>

#define STEP_HEAD_BYTES 8

class RecordFile
  {
private:
   string            m_name;
   int               m_file;
   int               m_new_file;     // while rewriting
   long              m_size;
   string            m_problem;
   Checksum          m_checksum;
   uchar             m_all[];        // the file's content while it is read
   int               m_at;

public:
                     RecordFile(void) : m_name(""), m_file(INVALID_HANDLE), m_new_file(INVALID_HANDLE), m_size(0), m_problem(""), m_at(0)
     {
     }

                    ~RecordFile(void)
     {
      Close();
     }

   string            Problem(void) const
     {
      return(m_problem);
     }

   long              Size(void) const
     {
      return(m_size);
     }

   // Open or create the file and read it; then Next() gives its steps.
   bool              Open(const string name)
     {
      m_name = name;
      if(!FileIsExist(name) && FileIsExist(NewName()) && !FileMove(NewName(), 0, name, FILE_REWRITE))
         return(Failed("FileMove"));
      if(!OpenForAppending())
         return(false);
      ArrayResize(m_all, (int)m_size);
      FileSeek(m_file, 0, SEEK_SET);
      if(m_size > 0 && (long)FileReadArray(m_file, m_all) != m_size)
         return(Failed("FileReadArray"));
      m_at = 0;
      return(true);
     }

   // The next step; false at the end or at damage, see Problem().
   bool              Next(uchar &step[])
     {
      int left = ArraySize(m_all) - m_at;
      if(left < STEP_HEAD_BYTES)
         return(false);
      long size = (long)Number(m_at);
      if(size > left - STEP_HEAD_BYTES)
         return(false);
      bool is_last = size == left - STEP_HEAD_BYTES;
      if(m_checksum.Of(m_all, m_at + STEP_HEAD_BYTES, (int)size) != Number(m_at + 4))
        {
         if(!is_last)
            m_problem = m_name + ": expected a whole step at byte " + (string)m_at + ", found damage";
         return(false);
        }
      ArrayResize(step, (int)size);
      ArrayCopy(step, m_all, 0, m_at + STEP_HEAD_BYTES, (int)size);
      m_at += STEP_HEAD_BYTES + (int)size;
      return(true);
     }

   // Append a step; with `is_durable` it is handed to the disk before this returns.
   bool              Append(const uchar &bytes[], const int size, const bool is_durable)
     {
      if(m_file == INVALID_HANDLE)
         return(false);
      return(Write(m_file, bytes, size) && (!is_durable || Flush(m_file)));
     }

   // Begin a new content; Add() its steps, then Replace().
   bool              Begin(void)
     {
      ArrayResize(m_all, 0);
      if(m_new_file != INVALID_HANDLE)
         FileClose(m_new_file);
      ResetLastError();
      m_new_file = FileOpen(NewName(), FILE_WRITE | FILE_BIN);
      m_size = 0;
      return(m_new_file != INVALID_HANDLE ? true : Failed("FileOpen " + NewName()));
     }

   bool              Add(const uchar &bytes[], const int size)
     {
      return(m_new_file != INVALID_HANDLE && Write(m_new_file, bytes, size));
     }

   // Put the new content in the place of the old one; until then the old one stands.
   bool              Replace(void)
     {
      if(m_new_file == INVALID_HANDLE || !Flush(m_new_file))
         return(false);
      FileClose(m_new_file);
      m_new_file = INVALID_HANDLE;
      if(m_file != INVALID_HANDLE)
         FileClose(m_file);
      m_file = INVALID_HANDLE;
      ResetLastError();
      if(!FileMove(NewName(), 0, m_name, FILE_REWRITE))
         return(Failed("FileMove " + NewName()));
      return(OpenForAppending());
     }

   void              Close(void)
     {
      if(m_file != INVALID_HANDLE)
         FileClose(m_file);
      if(m_new_file != INVALID_HANDLE)
         FileClose(m_new_file);
      m_file = INVALID_HANDLE;
      m_new_file = INVALID_HANDLE;
     }

private:
   string            NewName(void) const
     {
      return(m_name + ".new");
     }

   bool              OpenForAppending(void)
     {
      ResetLastError();
      m_file = FileOpen(m_name, FILE_READ | FILE_WRITE | FILE_BIN);
      if(m_file == INVALID_HANDLE)
         return(Failed("FileOpen: is another chart running this Expert Advisor in the same role?"));
      m_size = (long)FileSize(m_file);
      FileSeek(m_file, 0, SEEK_END);
      return(true);
     }

   bool              Write(const int file, const uchar &bytes[], const int size)
     {
      uchar step[];
      ArrayResize(step, STEP_HEAD_BYTES + size);
      PutNumber(step, 0, (uint)size);
      PutNumber(step, 4, m_checksum.Of(bytes, 0, size));
      if(size > 0)
         ArrayCopy(step, bytes, STEP_HEAD_BYTES, 0, size);
      ResetLastError();
      uint written = FileWriteArray(file, step, 0, ArraySize(step));
      if(written != (uint)ArraySize(step))
         return(Failed("FileWriteArray"));
      m_size += (long)written;
      return(true);
     }

   bool              Flush(const int file)
     {
      ResetLastError();
      FileFlush(file);
      return(GetLastError() == 0 ? true : Failed("FileFlush"));
     }

   uint              Number(const int at) const
     {
      return((uint)m_all[at] | ((uint)m_all[at + 1] << 8) | ((uint)m_all[at + 2] << 16) | ((uint)m_all[at + 3] << 24));
     }

   static void       PutNumber(uchar &bytes[], const int at, const uint value)
     {
      for(int i = 0; i < 4; i++)
         bytes[at + i] = (uchar)((value >> (8 * i)) & 0xFF);
     }

   bool              Failed(const string what)
     {
      m_problem = m_name + ": " + what + ", error " + (string)GetLastError();
      return(false);
     }
  };

#endif
