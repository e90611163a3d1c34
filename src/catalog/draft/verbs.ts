import type { ActionClass } from '../../model/catalog.ts';
import { type Table, tableOf } from './words.ts';

/** From harmless to what an action without an entry is taken for. */
const BY_STRICTNESS: readonly ActionClass[] = [
  'read',
  'personal_read',
  'write',
  'external',
  'destructive',
  'code',
];

export function isStricter(a: ActionClass, than: ActionClass): boolean {
  return BY_STRICTNESS.indexOf(a) > BY_STRICTNESS.indexOf(than);
}

export function isRead(actionClass: ActionClass): boolean {
  return actionClass === 'read' || actionClass === 'personal_read';
}

/** What tools are named for. */
export const VERBS: Table<Exclude<ActionClass, 'personal_read'>> = tableOf({
  read: `get list search read fetch find query lookup look show view describe check count retrieve load inspect
    preview summarize summarise analyze analyse compute calculate compare detect validate verify resolve extract
    parse translate watch monitor diff explain select estimate poll peek ping whoami filter browse download return
    display obtain enumerate suggest recommend convert measure track scan locate identify see is has`,
  write: `create update set add write edit modify append insert put save store rename move copy duplicate assign
    label tag mark archive schedule reschedule change configure enable disable toggle start stop pause resume close
    reopen open register import merge commit upsert patch draft generate link attach complete approve accept decline
    reserve init initialize apply sync restore lock unlock log record make rate star pin mute follow upgrade
    replace sort organize prepare plan note cache fork finalize finalise scale rotate transition`,
  external: `send share post publish invite transfer pay email mail message notify reply forward tweet call phone dial
    text submit upload push deploy release broadcast announce purchase buy order book checkout charge refund withdraw
    deposit donate trade sell bid wire remit payout grant navigate click visit emit dispatch deliver contact comment
    react respond chat sms dm fax print ship export issue request connect trigger sign borrow lend invoke subscribe
    type fill press drag tap`,
  destructive: `delete remove cancel revoke drop destroy erase purge wipe clear truncate terminate kill uninstall
    unpublish deactivate ban kick unsubscribe suspend block reset shutdown reboot overwrite expire discard trash prune
    unshare void rollback revert evict empty undo leave unlink detach del rm unassign reject dismiss`,
  code: `run exec execute eval evaluate interpret shell bash sh python javascript script sql terminal command compile
    spawn migrate`,
});

/** Verbs that are things as well: `message_get` gets, and messages nobody. */
export const ALSO_THINGS: Table<'thing'> = tableOf({
  thing: `post message email mail text order book transfer share list log label tag draft link record rate star pin
    note cache call phone comment charge refund deposit trade bid wire grant release push request issue contact chat
    sms dm fax print ship export reply block reset script command shell bash sh python javascript sql terminal view
    query search look check count filter plan set start stop open schedule move copy change tweet purchase connect
    track scan mark import sort patch merge commit empty trash void invite sign trigger return store lock
    mute load watch monitor select close display measure fork scale transition type press tap`,
});

/** Things of which the least change reaches further than the house: why, by the thing. */
export const REACHING: Table<'money' | 'message' | 'credential' | 'person'> = tableOf({
  money: `payment transaction transfer payout refund charge donation order purchase subscription trade deposit
    withdrawal remittance tip bid debit`,
  message: `message email mail post tweet comment reply invitation invite notification announcement sms dm call webhook
    review newsletter campaign release`,
  credential: `permission role access credential password passwd secret token key acl policy mfa grant owner admin
    privilege sharing visibility`,
  person:
    'user member collaborator participant attendee guest invitee subscriber contributor reviewer follower',
});

/** Verbs that put something there which was not there before, or make it count. */
export const MAKING: Table<'making'> = tableOf({
  making:
    'create add make schedule reschedule set update register assign approve accept apply upsert change modify insert put',
});

/** Things whose records are about people. */
export const PERSONAL: Table<'personal'> = tableOf({
  personal: `user customer client employee patient contact person people profile member candidate applicant student
    subscriber lead guest resident citizen attendee participant inbox email mail message sms dm chat conversation
    calendar appointment meeting salary payroll iban account balance transaction payment statement medical health
    diagnosis prescription passport ssn address phone resume cv tax identity me whoami birthday birthdate dob gender
    household family reservation booking insurance transcript voicemail mailbox friend follower guardian
    passenger donor owner credential password secret card membership availability freebusy`,
});

/** Words for people's data that stand in descriptions for little else. */
export const PERSONAL_TEXT: Table<'personal'> = tableOf({
  personal: `customer employee patient contact salary payroll medical phone personal private passport birthday birthdate
    iban ssn gender email mail address inbox person people`,
});
