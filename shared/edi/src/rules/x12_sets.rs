//! Which segments an X12 set has. Source of orders and counts: the public grammars of bots-edi for 4010 and 5010.

/// A set's structure in a version.
pub(super) fn structure(set: &str, version: &str) -> Option<&'static str> {
    let newer = match version {
        "004010" => false,
        "005010" => true,
        _ => return None,
    };
    Some(match (set, newer) {
        ("940", _) => {
            "W05! N1*10(N2 N3*2 N4 PER*5) N9*10 G61*3 G62*10 NTE*20 W09 W66 W6 R2*12 BNX LM*10(LQ!*100)
             LX*(MAN* SDQ* N1*(N2 N3*2 N4 PER*5) G62*10
               W01!*(G69*5 N9*200 NTE*20 W20*3 QTY*10 AMT*10 G62*10 G66 N1*(N2 N3*2 N4 PER*5) PER*5 LM*10(LQ!*100)
                 LS(LX!*(N9* G62*10 N1 LM*10(LQ!*100)) LE!))) W76"
        }
        ("943", _) => {
            "W06! N1!*10(N2 N3*2 N4 PER*5) N9*10 G61*3 G62*5 NTE*20 W27! W28 W10*10 W04!*9999(G69*5 N9*200 W20*2) W03!"
        }
        ("944", false) => {
            "W17! N1!*10(N2 N3*2 N4 PER*5) N9*10 G61*3 G62*5 NTE*20 W08 W18*10 G08*2
             W07!*9999(G69*5 N9*200 W20*2 W13*50(N9*200)) W14!"
        }
        ("944", true) => {
            "W17! N1!*10(N2 N3*2 N4 PER*5) N9*10 G61*3 G62*5 NTE*20 W08 W18*10 G08*2 TD1*5
             LX!*(MAN PAL* N9*5 W07*9999(G69*5 N9*200 W20*2 W13*50(N9*200))) W14!"
        }
        ("945", false) => {
            "W06! N1!*10(N2 N3*2 N4 PER*5) N9*10 G61*3 G62*5 NTE*20 W27 W6 W28 W10*10 G72*5 LM*10(LQ!*100)
             LX*(MAN* PAL N9*5 W12*(G69*5 N9*200 G62*10 QTY*10 MEA*5 AMT R4*5 W27 N1*5 G72*5 LM*10(LQ!*100)
               LS(LX!*(N9* G62*10 N1 LM*10(LQ!*100)) LE!) FA1*(FA2!*))) W03"
        }
        ("945", true) => {
            "W06! N1!*10(N2 N3*2 N4 PER*5) N9*10 G61*3 G62*5 NTE*20 W27 W6 W28 W10*10 G72*5 TD1*5 LM*10(LQ!*100)
             LX*(MAN* PAL N9*5 W12*(G69*5 N9*200 G62*10 QTY*10 MEA*5 AMT R4*5 W27 N1*(N2 N3 N4 PER) G72*5
               LM*10(LQ!*100) LS(LX!*(N9* G62*10 N1 LM*10(LQ!*100)) LE!) FA1*(FA2!*))) W03"
        }
        ("947", _) => {
            "W15! N1!*100(N2 N3*2 N4 PER*5) N9*10 G61*3 G62*5 NTE*20 LM*10(LQ!*100)
             W19!*(G69*5 N9*200 CS AMT*10 G62*10 LM*10(LQ!*100) N1*(N2 N3*2 N4 PER*5)
               LX*(N9* G62*10 N1 LM*10(LQ!*100)) FA1*(FA2!*))"
        }
        ("846", _) => {
            "BIA! CUR DTM*10 REF*12 PER*3 MEA*25 N1*5(N2*2 N3*2 N4 REF*12 PER*3) LM*10(LQ!*100)
             LIN!*10000(PID*200 MEA*100 PKG*25 DTM*10 CTP*25 CUR*5 REF*99 PER*3 SDQ*500 MAN UIT SAC*25
               QTY*99(UIT*12 MEA*25 LDT*12 DTM*10 SCH*104(DTM*25 REF*25) LM*10(LQ!*100) LS(REF!*(N9* DTM*10) LE!))
               N1*1000(N2*2 N3*2 N4 REF*12 PER*3)) CTT"
        }
        ("180", _) => {
            "BGN! RDR PRF DTM*10 N9*10 PER*2 SAC*10 G38 PKG*5 TD1*10 TD5*10 NTE*5 N1*200(N2*2 N3*2 N4 PER*5)
             LM*10(LQ!*100)
             BLI*(N9*20 PID*5 RDR SAC*10 AMT* MEA* CRC* NTE* PRF DTM*15 DD*100 GF TD5*5 SDQ*100 LM*10(LQ!*100)
               N1*200(N2*2 N3*2 N4 PER*5)
               QTY*(AMT*5 DTM*10 N1 LM*10(LQ!*100) LX*(N9* DTM*10 N1 LM*10(LQ!*100))) FA1*(FA2!*))"
        }
        ("214", _) => {
            "B10! L11*300 MAN*9999 K1*10 N1*10(N2 N3*2 N4 G61 G62 L11*10) MS3*12
             LX*(AT7*10(MS1 MS2) L11*10 MAN*9999 Q7*10 K1*10 AT5*10 AT8*10
               CD3*(L11*20 AT7*10(MS1 MS2) NM1 Q7*10 AT8 MAN*9999 N1*(N2 N3*3 N4 L11*10))
               PRF*(N1*(N2 N3*2 N4 L11*10) CD3*(L11*20 AT7*10(MS1 MS2) MAN*9999)) SPO*(SDQ*10) EFI*(BIN!))"
        }
        ("856", _) => {
            "BSN! DTM*10 HL!*200000(LIN SN1 SLN*1000 PRF PO4 PID*200 MEA*40 PWK*25 PKG*25 TD1*20 TD5*12 TD3*12 TD4*5
               TSD REF* PER*3 CLD*200(REF*200 DTP) MAN* DTM*10 FOB PAL N1*200(N2*2 N3*2 N4 REF*12 PER*3 FOB) SDQ*50 ETD
               CUR SAC*(CUR) GF YNQ*10 LM*10(LQ!*100) V1*(R4* DTM*)) CTT"
        }
        ("850", _) => {
            "BEG! CUR REF* PER*3 TAX* FOB* CTP* PAM*10 CSH*5 TC2* SAC*25(CUR) ITD* DIS*20 INC DTM*10 LDT*12 LIN*5 SI*
             PID*200 MEA*40 PWK*25 PKG*200 TD1*2 TD5*12 TD3*12 TD4*5 MAN*10 PCT* CTB*5 TXI*
             AMT*(REF* DTM PCT* FA1*(FA2!*)) N9*1000(DTM* MSG*1000)
             N1*200(N2*2 N3*2 N4* NX2* REF*12 PER* SI* FOB TD1*2 TD5*12 TD3*12 TD4*5 PKG*200) LM*(LQ!*)
             SPI*(REF*5 DTM*5 MSG*50 N1*20(N2*2 N3*2 N4 REF*20 G61 MSG*50) CB1*(REF*20 DTM*5 LDT MSG*50))
             ADV*(DTM* MTX*)
             PO1!*100000(LIN* SI* CUR CN1 PO3*25 CTP*(CUR) PAM*10 MEA*40 PID*1000(MEA*10) PWK*25 PO4* REF* PER*3
               SAC*25(CUR CTP) IT8 CSH* ITD*2 DIS*20 INC TAX* FOB* SDQ*500 IT3*5 DTM*10 TC2* TD1 TD5*12 TD3*12 TD4*5
               PCT* MAN*10 MSG* SPI* TXI* CTB* QTY*(SI*) SCH*200(TD1*2 TD5*12 TD3*12 TD4*5 REF*) PKG*200(MEA*)
               LS(LDT!*(QTY* MSG REF*3 LM*(LQ!*)) LE!) N9*1000(DTM* MEA*40 MSG*1000)
               N1*200(N2*2 N3*2 N4 QTY* NX2* REF*12 PER*3 SI* DTM FOB SCH*200 TD1*2 TD5*12 TD3*12 TD4*5 PKG*200
                 LDT*(MAN*10 QTY*5 MSG REF*3))
               SLN*1000(MSG* SI* PID*1000 PO3*104 TC2* ADV* DTM*10 CTP*25 PAM*10 PO4 TAX*3 N9*(DTM* MSG*)
                 SAC*25(CUR CTP) QTY*(SI*) N1*10(N2*2 N3*2 N4 NX2* REF*12 PER*3 SI*))
               AMT*(REF PCT*) LM*(LQ!*)) CTT(AMT)"
        }
        ("855", _) => {
            "BAK! CUR REF* PER*3 TAX* FOB* CTP* PAM*10 CSH SAC*25(CUR) ITD*5 DIS*20 INC DTM*10 LDT*12 LIN*5 SI* PID*200
             MEA*40 PWK*25 PKG*25 TD1*2 TD5*12 TD3*12 TD4*5 MAN*10 TXI* CTB* N9*1000(DTM* MSG*1000)
             N1*200(N2*2 N3*2 N4 NX2* REF*12 PER* SI* FOB TD1*2 TD5*12 TD3*12 TD4*5 PKG*25 MSG*) ADV*(DTM* MTX*)
             PO1*100000(LIN* SI* CUR PO3*25 CTP* PAM*10 MEA*40 PID*1000(MEA*10) PWK*25 PO4* REF* PER*3 SAC*25(CUR) IT8
               CSH* ITD*2 DIS*20 INC TAX* FOB* SDQ*500 DTM*10 LDT*12 TD1 TD5*12 TD3*12 TD4*5 ACK*104(DTM) MAN*10 AMT
               CTB* TXI* QTY*(SI*) PKG*200(MEA*) SCH*200(TD1*2 TD5*12 TD3*12 TD4*5 REF*) N9*1000(DTM* MSG*1000)
               N1*200(N2*2 N3*2 N4 NX2* REF*12 PER*3 SI* DTM FOB SCH*200 TD1*2 TD5*12 TD3*12 TD4*5 QTY* PKG*25)
               SLN*1000(MSG* SI* PID*1000 PO3*25 CTP*25 PAM*10 ACK*104 SAC*10(CUR) DTM*10 PO4 TAX*3 ADV* QTY*(SI*)
                 N9*(DTM* MSG*) N1*10(N2*2 N3*2 N4 NX2* REF*12 PER*3 SI*))) CTT(AMT)"
        }
        ("997", _) => "AK1! AK2*(AK3*(AK4*99) AK5!) AK9!",
        ("999", _) => "AK1! AK2*(IK3*(CTX*10 IK4*99(CTX*10)) IK5!) AK9!",
        _ => return None,
    })
}
