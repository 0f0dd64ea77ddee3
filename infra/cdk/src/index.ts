export { Crossdock } from './crossdock';
export { CrossdockProps } from './props';
